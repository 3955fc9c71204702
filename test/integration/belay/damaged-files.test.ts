import { readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { whatGrubWouldBoot } from '../../../demo/appliance/grub-choice.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { BeName } from '../../../src/snap/names.ts'
import { Machine } from './machine.ts'
import { belongings, codesOf, expectWhole } from './whole-appliance.ts'

/** Files of belay's that somebody edited, emptied, tore or lost: policy, the boot choice, the menu, the index. */
let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
  await machine.must('snapshot', '-m', 'another version')
})

afterAll(async () => {
  await machine.close()
})

const at = (path: string): string => join(machine.root, path)

/** GRUB reads the disk: what a test writes by the kernel's cache has to reach it. */
const settle = async (): Promise<void> => {
  await runTool('/usr/sbin/fsfreeze', ['--freeze', at('boot/grub')])
  await runTool('/usr/sbin/fsfreeze', ['--unfreeze', at('boot/grub')])
}

/** Damage a file for the time of some work. */
const withFile = async (path: string, damage: (path: string) => Promise<unknown>, work: () => Promise<void>): Promise<void> => {
  const whole = await readFile(at(path))
  await damage(at(path))
  try {
    await work()
  } finally {
    await rm(at(path), { recursive: true, force: true })
    await writeFile(at(path), whole)
  }
}

const CHANGING = [
  ['snapshot', '-m', 'x'],
  ['upgrade', '--yes'],
  ['rollback', '2', '--yes'],
  ['forward', '--yes'],
  ['confirm'],
  ['delete', '2', '--yes'],
  ['prune', '--yes'],
  ['keep', '2'],
  ['boot-set', 'refresh'],
  ['doctor', '--fix'],
] as const

describe('config.yaml', () => {
  const POLICY = 'etc/belay/config.yaml'

  const faulty: readonly (readonly [string, string, RegExp])[] = [
    ['an unknown key', 'format: 1\nconfigs: [/etc/acme]\n', /line 2, column 1: .*configs/],
    ['an unknown key inside another', 'format: 1\nboot:\n  timeout: 3\n', /line 3, column 3: boot: .*timeout/],
    ['a wrong type', 'format: 1\nconfig: /etc/acme\n', /line 2, column 9: config: .*array/],
    ['a wrong type in a list', 'format: 1\nconfig:\n  - /etc/acme\n  - 7\n', /line 4, column 5: config\.1: .*string/],
    ['bad syntax', 'format: 1\nconfig: [/etc/acme\n', /line \d, column \d+: /],
    ['a tab for indentation', 'format: 1\nboot:\n\tpanicSeconds: 5\n', /line 3, column 1: /],
    ['a key that comes twice', 'format: 1\nconfig: []\nconfig: [/etc/acme]\n', /line 3, column 1: .*unique/],
    ['a path that is none', 'format: 1\nconfig: [etc/acme]\n', /line 2, column 10: config\.0: must be an absolute path/],
    ['a number out of range', 'format: 1\ntrial: { attempts: 4 }\n', /line 2, column 20: trial\.attempts: .*3/],
    ['a word that is none', 'format: 1\npackages: { conffiles: ask }\n', /line 2, column 24: packages\.conffiles: /],
    ['another format', 'format: 2\n', /line 1, column 9: format: /],
    ['nothing', '', /line 1, column 1: .*format/],
    ['a list', '- format\n', /line 1, column 1: /],
  ]

  it.each(faulty)('with %s is refused by what changes something, with line and column', async (_, text, where) => {
    await withFile(
      POLICY,
      (path) => writeFile(path, text),
      async () => {
        for (const args of [
          ['snapshot', '-m', 'x'],
          ['rollback', '2', '--plan'],
        ]) {
          const error = await machine.refusal(args)
          expect(error).toMatchObject({ code: 'invalid-file', exitCode: 2, next: expect.arrayContaining([`edit ${at(POLICY)}`]) as unknown })
          expect(error.message, args.join(' ')).toMatch(where)
        }
        const doctor = await machine.json(['doctor'])
        expect(doctor.status).toBe(10)
        expect(doctor.output).toMatchObject({ findings: [{ code: 'policy', severity: 'problem', text: expect.stringMatching(where) as unknown }] })
      },
    )
  })

  it('that cannot be understood stops every change and no look', async () => {
    const before = await belongings(machine)
    await withFile(
      POLICY,
      (path) => writeFile(path, 'format: 1\nboot: { serial: { unit: 9, speed: 9600 } }\n'),
      async () => {
        for (const args of CHANGING.filter(([command]) => command !== 'confirm' && command !== 'doctor'))
          expect(await machine.refusal(args), args.join(' ')).toMatchObject({ code: 'invalid-file', exitCode: 2 })
        for (const args of [['status'], ['list'], ['show', '2'], ['audit']]) expect((await machine.json(args)).status, args.join(' ')).toBe(0)
        await expectWhole(machine, { findings: ['policy'] })
      },
    )
    expect(await belongings(machine)).toEqual(before)
    await expectWhole(machine)
  })

  it('that cannot be understood keeps nobody from confirming what runs, nor from asking doctor for what it can', async () => {
    await withFile(
      POLICY,
      (path) => writeFile(path, 'format: 1\nboot: [\n'),
      async () => {
        const confirmed = await machine.must('confirm')
        expect(confirmed.stdout).toContain('the policy cannot be read; only the boot choice was confirmed')
        const doctor = await machine.json(['doctor', '--fix'])
        expect([doctor.status, codesOf(doctor.output)]).toEqual([10, ['policy']])
      },
    )
    await machine.must('confirm')
    await expectWhole(machine)
  })

  it('that is gone stops every change, and comes back from another version', async () => {
    await withFile(
      POLICY,
      (path) => rm(path),
      async () => {
        expect(await machine.refusal(['snapshot', '-m', 'x'])).toMatchObject({ code: 'policy-missing', exitCode: 10 })
        expect((await machine.json(['status'])).status).toBe(0)
        const doctor = await machine.json(['doctor'])
        expect(doctor.output).toMatchObject({ findings: [{ code: 'policy', fixable: true, remedy: 'belay doctor --fix' }] })
        const mended = await machine.json(['doctor', '--fix'])
        expect(mended).toMatchObject({ status: 0, output: { findings: [], fixed: [expect.stringContaining('config.yaml is missing') as unknown] } })
        expect(await readFile(at(POLICY), 'utf8')).toContain('/etc/acme')
        await machine.must('snapshot', '-m', 'with the policy that was put back')
      },
    )
    await expectWhole(machine)
  })

  it('that is gone in a version on trial is not taken from another one unasked', async () => {
    await machine.must('rollback', '1', '--force', '--yes')
    await machine.reboot()
    await withFile(
      POLICY,
      (path) => rm(path),
      async () => {
        expect(await machine.refusal(['snapshot', '-m', 'x'])).toMatchObject({ code: 'policy-missing', exitCode: 10 })
        await machine.must('doctor', '--fix')
      },
    )
    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    await expectWhole(machine)
  })

  it('that is a directory or a link is refused in the same way', async () => {
    for (const damage of [(path: string) => runTool('/usr/bin/mkdir', [path]), (path: string) => symlink('/etc/passwd', path)]) {
      await withFile(
        POLICY,
        async (path) => {
          await rm(path)
          await damage(path)
        },
        async () => {
          const error = await machine.refusal(['snapshot', '-m', 'x'])
          expect([2, 10]).toContain(error.exitCode)
          expect(error.message).toContain('config.yaml')
          expect((await machine.json(['status'])).status).toBe(0)
          expect(codesOf((await machine.json(['doctor'])).output)).toEqual(['policy'])
        },
      )
    }
    await expectWhole(machine)
  })

  it('that is right but other than the menu was made with is mended', async () => {
    await withFile(
      POLICY,
      (path) => writeFile(path, 'format: 1\nconfig: [/etc/acme]\nboot: { timeoutSeconds: 9, kernelArguments: [quiet] }\n'),
      async () => {
        expect(codesOf((await machine.json(['doctor'])).output)).toEqual(['menu', 'grub-cfg'])
        expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
        expect((await machine.appliance.grubReads('/grub.cfg')).toString('utf8')).toContain('set timeout=9')
        expect((await whatGrubWouldBoot(machine.appliance))?.arguments).toContain('quiet')
      },
    )
    expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
    await expectWhole(machine)
  })
})

describe('the env block', () => {
  const ENV = 'boot/grub/belay/env'

  const damages: readonly (readonly [string, string, (path: string) => Promise<unknown>])[] = [
    ['emptied', 'env-lost', (path) => truncate(path, 0)],
    ['deleted', 'env-lost', (path) => rm(path)],
    ['full of junk', 'env-lost', (path) => writeFile(path, Buffer.alloc(1024, 0x5a))],
    ['full of zeros', 'env-lost', (path) => writeFile(path, Buffer.alloc(1024))],
    ['cut in its first line', 'env-lost', (path) => truncate(path, 10)],
    ['cut behind its values', 'env-damaged', (path) => truncate(path, 500)],
    ['overwritten at its end', 'env-damaged', async (path) => writeFile(path, Buffer.concat([(await readFile(path)).subarray(0, 1000), Buffer.alloc(24)]))],
  ]

  it.each(damages)('%s keeps the machine bootable, is named, and is mended', async (_, code, damage) => {
    const running = (await machine.status()).running?.be
    await damage(at(ENV))
    await settle()
    expect(await machine.grubBoots()).toBe(running)
    const status = await machine.status()
    expect(status).toMatchObject({ initialised: true, running: { be: running }, problems: [expect.stringContaining('env block') as unknown] })
    const text = await machine.must('status')
    expect(text.stdout).toContain('Try: belay doctor')
    if (code === 'env-lost') {
      expect(status.next).toBeNull()
      for (const args of [['snapshot', '-m', 'x'], ['rollback', '2', '--yes'], ['confirm']]) {
        expect(await machine.refusal(args), args.join(' ')).toMatchObject({ code: 'env-lost', exitCode: 10, next: ['belay doctor --fix'] })
      }
    }
    const doctor = await machine.json(['doctor'])
    expect(doctor.status).toBe(10)
    expect(doctor.output).toMatchObject({ findings: [{ code, severity: 'problem', fixable: true, remedy: 'belay doctor --fix' }] })
    const fixed = await machine.json(['doctor', '--fix'])
    expect([fixed.status, codesOf(fixed.output)]).toEqual([0, []])
    expect((await machine.appliance.grubReads('/belay/env')).length).toBe(1024)
    await expectWhole(machine)
  })

  it('that is lost during a trial falls back to the confirmed version, as GRUB does', async () => {
    const good = (await machine.status()).choice?.good
    await machine.must('rollback', '2', '--yes')
    await machine.reboot()
    expect((await machine.status()).running?.be).not.toBe(good)
    await truncate(at(ENV), 0)
    await settle()
    expect(await machine.grubBoots()).toBe(good)
    expect(codesOf((await machine.json(['doctor', '--fix'])).output)).toEqual(['reboot-pending'])
    expect(await machine.grubBoots()).toBe(good)
    await machine.must('confirm')
    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    expect((await machine.status()).running?.be).toBe(good)
    await expectWhole(machine)
  })
})

describe('the boot menu', () => {
  const FRAGMENT = 'boot/grub/belay/menu.cfg'

  it.each([
    ['lost', (path: string) => rm(path)],
    ['emptied', (path: string) => truncate(path, 0)],
    ['torn', (path: string) => truncate(path, 700)],
  ] as const)('%s keeps the machine bootable, is named, and is mended', async (_, damage) => {
    const status = await machine.status()
    const known = (await machine.list()).generations.flatMap(({ be }) => (be === null ? [] : [BeName.parse(be)]))
    await damage(at(FRAGMENT))
    await settle()
    expect((await whatGrubWouldBoot(machine.appliance, [BeName.parse(status.running?.be), ...known]))?.be).toBe(status.next?.be)
    const doctor = await machine.json(['doctor'])
    expect([doctor.status, codesOf(doctor.output)]).toEqual([10, ['menu']])
    expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
    await expectWhole(machine)
  })

  it('and grub.cfg emptied are written anew', async () => {
    const before = await machine.appliance.grubReads('/grub.cfg')
    await truncate(at('boot/grub/grub.cfg'), 0)
    await settle()
    const doctor = await machine.json(['doctor'])
    expect([doctor.status, codesOf(doctor.output)]).toEqual([10, ['grub-cfg']])
    expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
    expect(await machine.appliance.grubReads('/grub.cfg')).toEqual(before)
    await expectWhole(machine)
  })

  it('with a boot set whose kernel is gone or changed is verified anew', async () => {
    const be = String((await machine.status()).running?.be)
    for (const damage of [(path: string) => rm(path), (path: string) => writeFile(path, 'no kernel')]) {
      const kernel = at(`boot/grub/belay/be/${be}/vmlinuz`)
      // The other boot sets have the same file.
      await rename(kernel, `${kernel}.old`)
      await writeFile(kernel, await readFile(`${kernel}.old`))
      await rm(`${kernel}.old`)
      await damage(kernel)
      const doctor = await machine.json(['doctor'])
      expect([doctor.status, codesOf(doctor.output)]).toEqual([10, ['boot-set']])
      expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
      await expectWhole(machine)
    }
  })
})

describe('the index', () => {
  const INDEX = 'var/lib/belay/index.json'

  // Each confirmation prunes.
  beforeAll(() => machine.must('keep', '2'))

  it.each([
    ['emptied', (path: string) => truncate(path, 0), 'invalid-file', 2],
    ['torn', (path: string) => truncate(path, 1000), 'invalid-file', 2],
    ['of another shape', (path: string) => writeFile(path, '{"format":{"major":1,"minor":0},"revision":"x"}'), 'invalid-file', 2],
    ['deleted', (path: string) => rm(path), 'not-found', 13],
    [
      'of a later major format',
      async (path: string) => writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), format: { major: 99, minor: 0 } })),
      'index/too-new',
      10,
    ],
  ] as const)(
    '%s leaves status, confirm and GRUB',
    async (_, damage, code, exitCode) => {
      const { running } = await machine.status()
      await machine.must('rollback', '2', '--yes')
      await machine.reboot()
      const trial = await machine.grubBoots()
      await withFile(INDEX, damage, async () => {
        const status = await machine.status()
        expect(status).toMatchObject({
          initialised: true,
          running: { be: trial, confirmed: false },
          next: { be: trial, why: 'trial' },
          problems: [expect.any(String) as unknown],
        })
        expect((await machine.must('status')).stdout).not.toContain('init')
        for (const args of [['list'], ['snapshot', '-m', 'x'], ['rollback', '2', '--yes'], ['boot-set', 'refresh']]) {
          expect(await machine.refusal(args), args.join(' ')).toMatchObject({ code, exitCode })
        }
        expect((await machine.refusal(['init', '--yes'])).exitCode).not.toBe(0)
        for (const args of [['doctor'], ['doctor', '--fix']]) {
          const doctor = await machine.json(args)
          expect(doctor.status).toBe(10)
          expect(doctor.output).toMatchObject({ findings: [{ code: 'index', severity: 'problem', fixable: false }], fixed: [] })
        }
        const confirmed = await machine.operation('confirm')
        expect(confirmed.plan.notices).toEqual(['the index cannot be read; only the boot choice was confirmed (belay doctor)'])
        expect(await machine.grubBoots()).toBe(trial)
        expect((await machine.status()).running?.confirmed).toBe(true)
      })
      // With the index back, confirm records what GRUB knows already.
      await machine.must('confirm')
      await machine.must('forward', '--yes')
      await machine.rebootAndConfirm()
      expect((await machine.status()).running?.be).toBe(running?.be)
      await expectWhole(machine)
    },
    120_000,
  )
})
