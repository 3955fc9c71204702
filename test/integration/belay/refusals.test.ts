import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { runBelay } from '../../../demo/story/belay-program.ts'
import { ErrorOutput } from './json-output.ts'
import { Machine } from './machine.ts'
import { answerAtTerminal } from './terminal.ts'
import { belongings, expectWhole } from './whole-appliance.ts'

/** What belay must not do, on an appliance that is adopted and on one that is not. */
let machine: Machine
let plain: Machine

beforeAll(async () => {
  machine = await Machine.make()
  plain = await Machine.make({ plain: true })
  await machine.must('snapshot', '-m', 'kept', '--keep')
  await machine.must('snapshot', '-m', 'last confirmed')
})

afterAll(async () => {
  await machine.close()
  await plain.close()
})

const FACTORY = '1'
const KEPT = '2'
const LAST = '3'

const unchanged = async (work: () => Promise<void>): Promise<void> => {
  const before = await belongings(machine)
  await work()
  expect(await belongings(machine)).toEqual(before)
}

describe('a caller that is not root', () => {
  const asNobody = { through: ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] as const }

  it('is refused with the remedy, whatever it asks for', async () => {
    for (const args of [['status'], ['snapshot', '-m', 'x'], ['rollback', '--yes'], ['doctor']]) {
      const { code, exitCode, next } = await machine.refusal(args, { through: [...asNobody.through] })
      expect([code, exitCode], args.join(' ')).toEqual(['not-root', 10])
      expect(next).toEqual(['run the same command with sudo'])
    }
  })
})

describe('a command that asks', () => {
  const asking = [
    ['rollback', KEPT],
    ['upgrade', 'acme-slow'],
    ['delete', KEPT],
    ['prune', '--newest', '1'],
  ] as const

  it('is refused without a terminal, and changes nothing', async () => {
    await machine.must('keep', KEPT, '--off')
    await unchanged(async () => {
      for (const args of asking) {
        const { code, exitCode, next } = await machine.refusal(args)
        expect([code, exitCode], args.join(' ')).toEqual(['needs-yes', 10])
        expect(next).toContain(`belay ${args[0]} --yes`)
        const text = await machine.belay(args)
        expect(text.status).toBe(10)
        expect(text.stderr).toContain('there is no terminal to answer at')
      }
    })
    const init = await plain.refusal(['init', '--config', '/etc/acme'])
    expect([init.code, init.exitCode]).toEqual(['needs-yes', 10])
    const found = await plain.atTopLevel(async () => (await runTool('/usr/bin/btrfs', ['subvolume', 'list', '--', plain.root])).stdout)
    expect(found).not.toContain('@belay')
    expect((await plain.status()).initialised).toBe(false)
  })

  it('changes nothing at the terminal for no, for the end of input and for Ctrl-C', async () => {
    await unchanged(async () => {
      const no = await answerAtTerminal(machine, ['rollback', KEPT], 'n\n')
      expect(no.output).toContain('let GRUB start be-000003 next')
      expect(no.output).toContain('nothing was changed')
      expect(no.status).toBe(10)
      for (const key of ['\x04', '\x03', 'yesterday\n']) {
        const run = await answerAtTerminal(machine, ['rollback', KEPT], key)
        expect([run.status, run.output.includes('nothing was changed')], JSON.stringify(key)).toEqual([10, true])
      }
    })
    await expectWhole(machine)
  })

  it('does it at the terminal for yes', async () => {
    const run = await answerAtTerminal(machine, ['delete', KEPT], 'y\n')
    expect(run.status, run.output).toBe(0)
    expect(run.output).toContain('generation 2 is gone for good')
    expect((await machine.list()).generations.map(({ id }) => id)).toEqual([1, 3])
    await machine.must('snapshot', '-m', 'kept', '--keep')
    await expectWhole(machine)
  })
})

describe('a number or name that is none', () => {
  it('is a usage error', async () => {
    await unchanged(async () => {
      for (const args of [
        ['rollback', '0', '--yes'],
        ['rollback', 'abc', '--yes'],
        ['rollback', '1', '2', '--yes'],
        ['forward', '-1', '--yes'],
        ['delete', 'two', '--yes'],
        ['delete', '1', '1e3', '--yes'],
        ['delete', '--yes'],
        ['keep', '0'],
        ['keep', '1', '--until', 'yesterday'],
        ['keep', '1', '--until', '2026-02-30'],
        ['keep', '1', '--until', '2020-01-31'],
        ['keep', '1', '--for', ''],
        ['keep', '1', '--for', 'support', '--off'],
        ['show', 'factory'],
        ['upgrade', '--foo', '--yes'],
        ['upgrade', '--yes', '--', '--foo'],
        ['upgrade', 'foo;rm', '--yes'],
        ['upgrade', 'Foo', '--yes'],
        ['upgrade', 'acme-gateway-', '--yes'],
        ['upgrade', 'acme-*', '--yes'],
        ['upgrade', './x.deb', '--yes'],
        ['prune', '--newest', '0', '--yes'],
        ['snapshot', '--no-such-option'],
        ['no-such-command'],
      ]) {
        const { code, exitCode, next } = await machine.refusal(args)
        expect([code, exitCode], args.join(' ')).toEqual(['usage', 2])
        expect(next, args.join(' ')).not.toEqual([])
      }
    })
  })

  it('is not found when it names nothing', async () => {
    await unchanged(async () => {
      for (const args of [
        ['rollback', '999', '--yes'],
        ['forward', '999', '--yes'],
        ['forward', '--yes'],
        ['rollback', '--yes'],
        ['delete', '999', '--yes'],
        ['keep', '999'],
        ['show', '999'],
        ['upgrade', 'nonexistent-package', '--yes'],
        ['upgrade', 'acme-gateway=99', '--yes'],
      ]) {
        const { code, exitCode, next } = await machine.refusal(args)
        expect([code, exitCode], args.join(' ')).toEqual(['not-found', 13])
        expect(next, args.join(' ')).not.toEqual([])
      }
    })
  })
})

describe('what is protected', () => {
  it('is not deleted, and the refusal says what to do first', async () => {
    const newest = String((await machine.list()).generations.at(-1)?.id)
    await unchanged(async () => {
      for (const [id, code, next] of [
        [FACTORY, 'protected/factory', 'belay list'],
        [newest, 'protected/kept', `belay keep ${newest} --off`],
      ] as const) {
        expect(await machine.refusal(['delete', id, '--yes'])).toMatchObject({ code, exitCode: 10, next: [next] })
        // One that may not go keeps all that were named.
        expect(await machine.refusal(['delete', LAST, id, '--yes'])).toMatchObject({ code, exitCode: 10 })
      }
    })
    await machine.must('keep', newest, '--off')
    expect(await machine.refusal(['delete', newest, '--yes'])).toMatchObject({ code: 'protected/last-confirmed', exitCode: 10 })
    await machine.must('rollback', LAST, '--yes')
    expect(await machine.refusal(['delete', LAST, '--yes'])).toMatchObject({ code: 'protected/boots', exitCode: 10 })
    await expectWhole(machine, { findings: ['reboot-pending'] })
    await machine.must('forward', '--yes')
    await machine.must('confirm')
    await expectWhole(machine)
  })
})

describe('a directory that is no appliance', () => {
  it('is refused by what it lacks', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'belay-no-appliance-'))
    const image = join(directory, 'image')
    const mountpoint = join(directory, 'mount')
    await mkdir(mountpoint)
    const at = async (place: string, ...args: string[]) => {
      const { status, stdout } = await runBelay([...args, '--json', '--root', place])
      return { status, ...ErrorOutput.parse(JSON.parse(stdout)).error }
    }
    try {
      for (const args of [['status'], ['snapshot', '-m', 'x'], ['doctor', '--fix']]) {
        expect(await at(mountpoint, ...args)).toMatchObject({ status: 13, code: 'not-found' })
        expect(await at(join(directory, 'nowhere'), ...args)).toMatchObject({ status: 13, code: 'not-found' })
      }
      await writeFile(image, '')
      await runTool('/usr/bin/truncate', ['--size=32M', image])
      await runTool('/usr/sbin/mkfs.ext4', ['-q', image])
      await runTool('/usr/bin/mount', ['-o', 'loop', image, mountpoint])
      try {
        expect(await at(mountpoint, 'status')).toMatchObject({ status: 10, code: 'layout/filesystem' })
        expect(await at(mountpoint, 'init', '--yes')).toMatchObject({ status: 10, code: 'layout/filesystem' })
      } finally {
        await runTool('/usr/bin/umount', [mountpoint])
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    await runTool('/usr/bin/umount', [join(plain.root, 'boot/grub')])
    const unmounted = { code: 'layout/not-mounted', exitCode: 10, next: [`mount ${join(plain.root, 'boot/grub')}`] }
    expect(await plain.refusal(['status'])).toMatchObject(unmounted)
    expect(await plain.refusal(['init', '--yes'])).toMatchObject(unmounted)
    await plain.appliance.boot('@rootfs')
  })
})

describe('a machine that was not adopted', () => {
  it('says so, and leads to init', async () => {
    expect(await plain.status()).toMatchObject({ initialised: false, running: null, next: null, problems: [] })
    for (const args of [
      ['list'],
      ['show', '1'],
      ['snapshot', '-m', 'x'],
      ['upgrade', '--yes'],
      ['rollback', '--yes'],
      ['confirm'],
      ['prune', '--yes'],
      ['doctor'],
      ['doctor', '--fix'],
      ['boot-set', 'refresh'],
      ['snapshot', '--plan'],
    ]) {
      const { code, exitCode, next } = await plain.refusal(args)
      expect([code, exitCode], args.join(' ')).toEqual(['not-found', 13])
      expect(next, args.join(' ')).toContain('belay init')
    }
  })

  it('is not adopted with a configuration directory that is none', async () => {
    await symlink('/etc', join(plain.root, 'etc/leads-out'))
    await writeFile(join(plain.root, 'etc/a-file'), '')
    for (const [path, code] of [
      ['/etc/a-file', 'layout/no-directory'],
      ['/etc/missing', 'layout/no-directory'],
      ['/etc/leads-out', 'path-leads-out'],
      ['/etc/leads-out/ssh', 'path-leads-out'],
    ] as const) {
      expect(await plain.refusal(['init', '--config', path, '--yes']), path).toMatchObject({ code, exitCode: 10 })
    }
    for (const path of ['etc/acme', '/etc/../etc/acme', '/', '/etc', '/boot/grub', '/var/lib']) {
      expect(await plain.refusal(['init', '--config', path, '--yes']), path).toMatchObject({ code: 'usage', exitCode: 2 })
    }
    expect(await plain.refusal(['init', '--policy', '/nowhere/config.yaml', '--yes'])).toMatchObject({ code: 'not-found', exitCode: 13 })
  })

  it('is adopted once, after all those refusals and an init that was killed', async () => {
    const killed = await plain.belay(['init', '--config', '/etc/acme', '--yes'], { env: { BELAY_FAULT: 'share-boot-set.applied:kill' } })
    expect(killed.signal).toBe('SIGKILL')
    expect((await plain.status()).interrupted).toMatchObject([{ operation: 'init' }])
    expect(await plain.refusal(['init', '--config', '/etc/acme'])).toMatchObject({ code: 'needs-yes', exitCode: 10 })
    expect((await plain.status()).interrupted).toEqual([])
    await plain.must('init', '--config', '/etc/acme', '--yes')
    const again = await plain.refusal(['init', '--config', '/etc/acme', '--yes'])
    expect(again).toMatchObject({ code: 'already-initialised', exitCode: 10, next: ['belay status'] })
    await expectWhole(plain, { findings: ['reboot-pending'] })
    expect((await plain.status()).rebootRequired).toBe(true)
    await plain.reboot()
    await expectWhole(plain)
    expect(await plain.refusal(['init', '--yes'])).toMatchObject({ code: 'already-initialised', exitCode: 10 })
    expect(await plain.refusal(['init', '--plan'])).toMatchObject({ code: 'already-initialised', exitCode: 10 })
  })
})
