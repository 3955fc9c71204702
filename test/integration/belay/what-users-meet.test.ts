import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { belayCommand } from '../../../demo/story/belay-program.ts'
import { generationName } from '../../../src/snap/names.ts'
import { GenerationId } from '../../../src/snap/names.ts'
import { Machine, problemsOf } from './machine.ts'
import { findProcess, until } from './processes.ts'
import { belongings, expectWhole } from './whole-appliance.ts'

/** What users of tools of this kind have met and told, each by what they suffer; the thread that told it stands beside the test. */
let machine: Machine
let scratch: string

beforeAll(async () => {
  machine = await Machine.make()
  scratch = await mkdtemp(join(tmpdir(), 'belay-met-'))
  await machine.must('snapshot', '--keep', '-m', 'a place to go back to')
})

afterAll(async () => {
  await machine.close()
  await rm(scratch, { recursive: true, force: true })
})

const BACK = '2'
const at = (path: string): string => join(machine.root, path)

/** What a shell makes of a belay command: the text sees it as "$@". */
const byShell = (text: string, ...args: string[]) => {
  const [program, ...rest] = belayCommand([...args, '--root', machine.root])
  return runTool('/bin/bash', ['-c', text, 'sh', program, ...rest], { expect: Array.from({ length: 256 }, (_, status) => status) })
}

const newest = async () => {
  const found = (await machine.list()).generations.at(-1)
  if (found === undefined) throw new Error('there is no generation')
  return found
}

describe('one version that cannot be destroyed', () => {
  afterEach(async () => {
    await runTool('/usr/bin/chattr', ['-R', '-f', '-i', at('boot/grub/belay/sets')], { expect: [0, 1] })
  })

  // openSUSE/snapper#866: one undeletable snapshot stopped the cleanup, until the disk was full.
  it('keeps no other one from going, and is told', async () => {
    await machine.must('snapshot', '-m', 'cannot be destroyed')
    const { id, be } = await newest()
    for (const text of ['can be destroyed', 'newest']) await machine.must('snapshot', '-m', text)
    const etc = (top: string): string => join(top, '@belay/be', String(be), 'root/etc')
    await machine.atTopLevel((top) => runTool('/usr/bin/chattr', ['+i', etc(top)]))
    const { plan } = await machine.operation('prune', '--newest', '1', '--yes')
    expect(plan.notices.join('\n')).toContain(`destroy ${String(be)} could not be done`)
    expect((await machine.list()).generations.map(({ text }) => text)).not.toContain('can be destroyed')
    const found = await belongings(machine)
    expect(found.containers).not.toContain(`@belay/gen/${generationName(GenerationId.parse(id))}`)
    expect((await machine.doctor()).findings).toMatchObject([{ code: 'remains', severity: 'note' }])
    await machine.atTopLevel((top) => runTool('/usr/bin/chattr', ['-i', etc(top)]))
    await machine.must('prune', '--newest', '1', '--yes')
    await expectWhole(machine)
  })

  // Vanilla-OS/ABRoot#143, #34: a transaction that was stuck for ever.
  it('holds up no later operation by a boot set that may not be removed', async () => {
    await machine.must('snapshot', '-m', 'with a boot set that stays')
    const { be } = await newest()
    await machine.must('snapshot', '-m', 'newest')
    const set = at(`boot/grub/belay/sets/${String(be)}.1`)
    // The directory alone: its files are those of other boot sets too.
    await runTool('/usr/bin/chattr', ['+i', set])
    const { plan } = await machine.operation('prune', '--newest', '1', '--yes')
    expect(plan.notices.join('\n')).toMatch(/boot set of be-\d+ could not be done: .*may not be changed, not even by root/)
    await machine.must('snapshot', '-m', 'all the same')
    await runTool('/usr/bin/chattr', ['-i', set])
    await machine.must('doctor', '--fix')
    await rm(set, { recursive: true, force: true })
    await expectWhole(machine)
  })

  // refind-btrfs-snapshots#5 and snapper#194: records and snapshots that no longer match.
  it('because somebody destroyed a part of it by hand goes with the next prune', async () => {
    await machine.must('snapshot', '-m', 'half gone')
    const { id } = await newest()
    await machine.must('snapshot', '-m', 'newest')
    const generation = generationName(GenerationId.parse(id))
    await machine.atTopLevel((top) => runTool('/usr/bin/btrfs', ['subvolume', 'delete', join(top, '@belay/gen', generation, 'root')]))
    expect(problemsOf(await machine.doctor())).toEqual([expect.stringMatching(/has lost 1 of its members/)])
    expect(await machine.refusal(['rollback', String(id), '--keep-config', '--yes'])).toMatchObject({ exitCode: 13 })
    await machine.must('prune', '--newest', '1', '--yes')
    await expectWhole(machine)
  })
})

describe('files that somebody put among belay’s by hand', () => {
  // openSUSE/snapper#656: cleanup fails after somebody worked in the directory of snapshots.
  it('are left alone, and nothing stumbles over them', async () => {
    const inPool = [
      '@belay/gen/notes.txt',
      '@belay/be/gen-000001',
      '@belay/state/generations/notes',
      '@belay/state/journal/notes',
      '@belay/state/journal/closed/notes',
    ]
    const onGrub = ['belay/be/notes', 'belay/sets/notes', 'belay/notes'].map((path) => at(join('boot/grub', path)))
    await machine.atTopLevel(async (top) => {
      for (const path of inPool) await writeFile(join(top, path), 'by hand')
      await mkdir(join(top, '@belay/gen/mine/deep'), { recursive: true })
    })
    for (const path of onGrub) await writeFile(path, 'by hand')
    await machine.must('snapshot', '-m', 'beside notes')
    await machine.must('snapshot', '-m', 'newest')
    await machine.must('prune', '--newest', '1', '--yes')
    expect((await machine.doctor('--fix')).findings).toEqual([])
    for (const path of onGrub) expect(await readFile(path, 'utf8')).toBe('by hand')
    await machine.atTopLevel(async (top) => {
      for (const path of inPool) {
        expect(await readFile(join(top, path), 'utf8'), path).toBe('by hand')
        await rm(join(top, path))
      }
      expect(await readdir(join(top, '@belay/gen/mine'))).toEqual(['deep'])
      await rm(join(top, '@belay/gen/mine'), { recursive: true })
    })
    for (const path of onGrub) await rm(path)
    await expectWhole(machine)
  })
})

describe('a lock that nobody holds any more', () => {
  // Vanilla-OS/ABRoot#425, #283: stale lock files after a crash.
  it.each([
    ['of a process that died', JSON.stringify({ pid: 4_000_000, startTime: '1', user: 'root', operation: 'upgrade', since: '2026-01-01T00:00:00Z' })],
    [
      'of a process whose number another one has now',
      JSON.stringify({ pid: 1, startTime: '1', user: 'root', operation: 'upgrade', since: '2026-01-01T00:00:00Z' }),
    ],
    ['with junk in it', 'x'.repeat(100_000)],
  ])('%s keeps nobody out', async (_, text) => {
    await writeFile(at('var/lib/belay/lock'), text)
    await machine.must('keep', BACK)
    expect(await readFile(at('var/lib/belay/lock'), 'utf8')).toBe('')
  })
})

describe('a filesystem that cannot be written', () => {
  // seapath/meta-seapath#287, home-assistant/operating-system#2850: the boot partition was not writable, and going back silently stopped working.
  it('where GRUB’s files are refuses every change before it begins, and is named with its remedy', async () => {
    await machine.appliance.run('/usr/bin/apt-get', ['--quiet', 'update'])
    const before = await belongings(machine)
    await runTool('/usr/bin/mount', ['-o', 'remount,ro', at('boot/grub')])
    const remedy = `mount -o remount,rw ${at('boot/grub')}`
    try {
      for (const args of [
        ['snapshot', '-m', 'x'],
        ['rollback', BACK, '--yes'],
        ['forward', BACK, '--yes'],
        ['upgrade', '--yes', '--no-refresh'],
      ]) {
        expect(await machine.refusal(args), args.join(' ')).toMatchObject({
          code: 'layout/read-only',
          exitCode: 10,
          next: expect.arrayContaining([remedy]) as unknown,
        })
      }
      const doctor = await machine.json(['doctor'])
      expect(doctor).toMatchObject({ status: 10, output: { findings: [{ code: 'read-only', remedy: expect.stringContaining(remedy) as unknown }] } })
      for (const command of ['status', 'list']) expect((await machine.json([command])).status, command).toBe(0)
      expect(await belongings(machine)).toEqual(before)
    } finally {
      await runTool('/usr/bin/mount', ['-o', 'remount,rw', at('boot/grub')])
    }
    await expectWhole(machine)
  })

  it('because /run is full is said with a remedy that helps there', async () => {
    const before = await belongings(machine)
    const through = ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', 'mount -t tmpfs -o size=4k,nr_inodes=1 none /run && exec "$@"', 'sh'] as const
    for (const args of [['status'], ['snapshot', '-m', 'x']]) {
      const error = await machine.refusal(args, { through: [...through] })
      expect(error, args.join(' ')).toMatchObject({ code: 'no-space', exitCode: 12 })
      expect(error.message).toContain('/run/belay')
      expect(error.next.join('\n')).toMatch(/\/run\b/)
      expect(error.next.join('\n')).not.toContain('belay prune')
    }
    expect(await belongings(machine)).toEqual(before)
  })

  // Timeshift's README, snap-pac#30: snapshots of a subvolume with a swap file fail.
  it('for a snapshot, because a swap file is active in it, is refused by name and changes nothing', async () => {
    const swap = at('var/swapfile')
    await writeFile(swap, '')
    await runTool('/usr/bin/chattr', ['+C', swap])
    await runTool('/usr/bin/fallocate', ['--length', '1M', swap])
    await chmod(swap, 0o600)
    await runTool('/usr/sbin/mkswap', [swap])
    await runTool('/usr/sbin/swapon', [swap])
    try {
      const generations = (await machine.list()).generations
      for (const args of [
        ['snapshot', '-m', 'x'],
        ['rollback', BACK, '--yes'],
      ]) {
        const error = await machine.refusal(args)
        expect(error, args.join(' ')).toMatchObject({ code: 'swap-file', exitCode: 10 })
        expect(error.next.join('\n')).toContain('swapoff')
      }
      expect((await machine.list()).generations).toEqual(generations)
    } finally {
      await runTool('/usr/sbin/swapoff', [swap])
      await rm(swap)
    }
    await machine.must('snapshot', '-m', 'once it is off')
    await expectWhole(machine)
  })
})

describe('a clock that was set back', () => {
  const inThePast = async (...args: string[]) => {
    const module = join(scratch, 'past.mjs')
    const days = 400
    await writeFile(
      module,
      `const Now = Date\nconst past = () => Now.now() - ${String(days * 86_400_000)}\nglobalThis.Date = class extends Now {\n  constructor(...given) {\n    super(...(given.length === 0 ? [past()] : given))\n  }\n  static now = past\n}\n`,
    )
    const run = await machine.belay(args, { env: { NODE_OPTIONS: `--import=${module}` } })
    expect(run.status, `${args.join(' ')}: ${run.stderr}`).toBe(0)
    return run
  }

  it('takes nothing from the order of versions: numbers, list, menu and retention go on', async () => {
    const before = await newest()
    await inThePast('snapshot', '-m', 'of the past')
    const taken = await newest()
    expect(taken.id).toBeGreaterThan(before.id)
    expect(Date.parse(taken.createdAt)).toBeLessThan(Date.parse(before.createdAt))
    const menu = (await machine.appliance.grubReads('/belay/menu.cfg')).toString('utf8')
    const [first] = /^menuentry '.*' --class belay --unrestricted --id (be-\d+)/m.exec(menu)?.slice(1) ?? []
    expect(first, 'the newest comes first in the menu').toBe(taken.be)
    const { plan } = await machine.plan('rollback', BACK)
    expect(plan.leavesBehind?.every(({ hours }) => hours >= 0) ?? true).toBe(true)
    await inThePast('prune', '--newest', '1', '--yes')
    expect((await machine.list()).generations.map(({ id }) => id)).toContain(taken.id)
    await inThePast('doctor')
    await expectWhole(machine)
  })

  it('does not make doctor choose an older version when the env block is lost', async () => {
    await machine.must('rollback', BACK, '--yes')
    await machine.reboot()
    await inThePast('confirm')
    const good = (await machine.status()).choice?.good
    expect(good).toBe((await machine.status()).running?.be)
    await truncate(at('boot/grub/belay/env'), 0)
    await runTool('/usr/sbin/fsfreeze', ['--freeze', at('boot/grub')])
    await runTool('/usr/sbin/fsfreeze', ['--unfreeze', at('boot/grub')])
    expect(await machine.grubBoots()).toBe(good)
    await machine.must('doctor', '--fix')
    expect((await machine.status()).choice?.good).toBe(good)
    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    await expectWhole(machine)
  })
})

describe('a change of mind', () => {
  // Timeshift (src/Core/Main.vala): a second restore before the reboot deletes the system that runs; rpm-ostree#906, bootc#946: which one comes next?
  it('before the reboot destroys nothing, and leads back', async () => {
    await machine.must('snapshot', '--keep', '-m', 'another place')
    const other = await newest()
    const { running } = await machine.status()
    const before = await belongings(machine)
    await machine.must('rollback', BACK, '--yes')
    await machine.must('rollback', String(other.id), '--yes')
    await machine.must('rollback', BACK, '--yes')
    await machine.must('forward', '--yes')
    const after = await belongings(machine)
    expect(after.subvolumes).toEqual(expect.arrayContaining(before.subvolumes))
    expect((await machine.status()).next?.be).toBe(running?.be)
    await expectWhole(machine)
  })

  // teejee2008/timeshift#510: which snapshot did I restore?
  it('is on record whichever version runs', async () => {
    const { entries } = (await machine.json(['audit'])).output as { entries: { operation: string; summary: string; user: string }[] }
    const rollback = entries.findLast(({ operation }) => operation === 'rollback')
    expect(rollback?.summary).toContain(`generation ${BACK} (a place to go back to)`)
    expect(rollback?.user).not.toBe('')
  })
})

describe('a machine that gets another name', () => {
  it('and another machine-id keeps its versions, and goes back with the new id', async () => {
    const { generations } = await machine.list()
    const id = '0123456789abcdef0123456789abcdef'
    await writeFile(at('etc/hostname'), 'another-name\n')
    await writeFile(at('etc/machine-id'), `${id}\n`)
    expect((await machine.list()).generations).toEqual(generations)
    await machine.must('rollback', BACK, '--yes')
    await machine.rebootAndConfirm()
    expect(await readFile(at('etc/machine-id'), 'utf8')).toBe(`${id}\n`)
    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    expect(await readFile(at('etc/hostname'), 'utf8')).toBe('another-name\n')
    // Other versions get the id when they are chosen, at a boot of the machine, or now.
    expect((await machine.doctor('--fix')).findings).toEqual([])
    await expectWhole(machine)
  })
})

describe('an environment that nobody thought of', () => {
  it.each([
    ['no environment at all', 'exec env --ignore-environment "$@"'],
    ['a locale that does not exist, and no terminal type', 'LANG=xx_YY.FOO LC_ALL=xx_YY.FOO LANGUAGE=xx TERM= TZ=Nowhere/Land exec "$@"'],
    ['a home that does not exist', 'HOME=/nonexistent exec "$@"'],
    ['a directory that was removed', 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"'],
    ['standard output, input and error closed', 'exec "$@" >&- 2>&- <&-'],
    ['standard output on a full disk', 'exec "$@" >/dev/full'],
    ['a reader that has seen enough', '"$@" | head -c 1 >/dev/null; exit "${PIPESTATUS[0]}"'],
  ])('with %s: a snapshot is taken all the same', async (name, text) => {
    const before = await newest()
    expect((await byShell(text, 'snapshot', '-m', name)).status).toBe(0)
    expect(await newest()).toMatchObject({ id: before.id + 1, text: name })
  })

  it('whose output is lost fails where the output is what was asked for', async () => {
    for (const args of [['list'], ['status', '--json'], ['doctor'], ['audit'], ['rollback', BACK, '--plan']]) {
      const { status, stderr } = await byShell('exec "$@" >/dev/full', ...args)
      expect([status, stderr], args.join(' ')).toEqual([12, expect.stringMatching(/^Error: standard output cannot be written: ENOSPC[^\n]*\n$/)])
    }
  })

  it('with a terminal of 20 columns is answered, and no word is lost', async () => {
    const narrow = `printf -v command '%q ' "$@"; script --quiet --return --command "stty cols 20; $command" /dev/null </dev/null`
    for (const args of [['list'], ['status'], ['doctor'], ['show', BACK], ['rollback', BACK, '--plan'], ['snapshot', '-m', 'a narrow one']]) {
      const { status, stdout } = await byShell(narrow, ...args)
      expect(status, `${args.join(' ')}: ${stdout}`).toBe(0)
    }
    expect((await byShell(narrow, 'list')).stdout.replaceAll(/\s+/g, ' ')).toContain('a place to go back to')
  })

  it.each(['000', '077'])('with umask %s makes files that only root may write, and boot files that are there for all belay’s', async (mask) => {
    expect((await byShell(`umask ${mask}; exec "$@"`, 'snapshot', '-m', `umask ${mask}`)).status).toBe(0)
    const modes = async (directory: string): Promise<string> =>
      (await runTool('/usr/bin/find', [directory, '-xdev', '!', '-type', 'l', '-perm', '/022', '-printf', '%P %m\n'])).stdout
    expect([await modes(at('var/lib/belay')), await modes(at('boot/grub/belay'))]).toEqual(['', ''])
    const be = String((await newest()).be)
    expect((await stat(at(`boot/grub/belay/be/${be}`))).mode & 0o777).toBe(0o755)
    await machine.atTopLevel(async (top) => {
      expect((await stat(join(top, '@belay'))).mode & 0o777).toBe(0o700)
      expect((await stat(join(top, '@belay/be', be, 'root'))).mode & 0o777).toBe(0o755)
    })
  })

  it('leaves an appliance that is whole', async () => {
    await machine.must('prune', '--newest', '2', '--yes')
    await expectWhole(machine)
  })
})

describe('an upgrade whose operator goes away', () => {
  beforeAll(async () => {
    await machine.install('acme-slow=1.0.0')
    machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
  })

  /** Starts an upgrade and does something to its process group while a package is configured. */
  const whileConfigured = async (act: (group: number) => Promise<void>) => {
    const started = Promise.withResolvers<number>()
    const run = machine.json(['upgrade', 'acme-slow', '--yes'], { onStart: started.resolve })
    const pid = await started.promise
    await until('the package is configured', async () => (await findProcess('acme-slow.postinst configure', machine.root)) !== null)
    await act(-pid)
    return run
  }

  const expectUntouchedNext = async (): Promise<void> => {
    const codes = (await machine.doctor()).findings.map(({ code }) => code)
    expect(codes.filter((code) => code !== 'torn')).toEqual(['reboot-pending'])
    await machine.rebootAndConfirm()
    const { stdout } = await runTool('/usr/bin/dpkg-query', [`--admindir=${at('var/lib/dpkg')}`, '--show', '--showformat=${Version}', 'acme-slow'])
    expect(stdout).toBe('1.0.0')
    await machine.must('prune', '--newest', '2', '--yes')
    await expectWhole(machine)
  }

  // mender-docs#2175 and linuxmint/timeshift#280: what a lost connection in the middle leaves.
  it('because ssh is lost (SIGHUP) is brought to an end that the next boot undoes', async () => {
    const run = await whileConfigured((group) => Promise.resolve(void process.kill(group, 'SIGHUP')))
    expect(run).toMatchObject({ status: 20, output: { error: { exitCode: 20, data: { rebootRequired: true } } } })
    await expectUntouchedNext()
  }, 120_000)

  it('by pressing Ctrl-C again and again is brought to the same end', async () => {
    const run = await whileConfigured(async (group) => {
      for (let times = 0; times < 5; times += 1) {
        process.kill(group, 'SIGINT')
        await until('the package is configured all the same', async () => (await findProcess('acme-slow.postinst configure', machine.root)) !== null)
      }
    })
    expect(run).toMatchObject({ status: 20, output: { error: { exitCode: 20, data: { rebootRequired: true } } } })
    await expectUntouchedNext()
  }, 120_000)
})

describe('a copy of the disk, made by dd', () => {
  // openzfs and unRAID users tell of the wrong one of two equal disks; the kernel knows a btrfs by its UUID alone.
  it('that is attached beside the original is not touched', async () => {
    const { rawImage, btrfsPartition } = machine.appliance
    await runTool('/usr/bin/sync', ['--file-system', machine.root])
    const copy = join(scratch, 'copy.raw')
    await runTool('/usr/bin/cp', ['--sparse=always', '--', rawImage, copy])
    const { stdout } = await runTool('/usr/sbin/losetup', [
      '--find',
      '--show',
      '--offset',
      String(btrfsPartition.offset),
      '--sizelimit',
      String(btrfsPartition.size),
      copy,
    ])
    const device = stdout.trim()
    // A write to the device is one to its file.
    const written = async () => {
      await runTool('/usr/bin/sync', ['--', device])
      const { mtimeMs, blocks } = await stat(copy)
      return { mtimeMs, blocks }
    }
    try {
      const before = await written()
      await machine.must('snapshot', '-m', 'beside a copy')
      expect((await machine.json(['doctor'])).status).toBe(0)
      await machine.must('rollback', BACK, '--yes')
      await machine.rebootAndConfirm()
      await machine.must('forward', '--yes')
      await machine.rebootAndConfirm()
      expect(await written()).toEqual(before)
      await expectWhole(machine)
    } finally {
      await runTool('/usr/sbin/losetup', ['--detach', device])
      await rm(copy)
    }
  }, 120_000)
})
