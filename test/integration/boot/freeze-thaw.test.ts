import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BootSets } from '../../../src/boot/boot-set.ts'
import { GrubPartition } from '../../../src/boot/grub-partition.ts'
import { beName } from '../../../src/snap/names.ts'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { createShellSettler } from '../../../src/sys/settler.ts'
import { FixedClock } from '../../fakes/fixed-clock.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { installKernel, ListingRunner, VERSION } from '../../unit/boot/root-with-kernels.ts'
import { mountLoopFilesystem } from '../loop-filesystem.ts'

const PROGRAM = join(import.meta.dirname, '../../../libexec/freeze-thaw')
const FSFREEZE = '/usr/sbin/fsfreeze'
const [ONE, TWO] = [beName(1), beName(2)] as const

const run = (...args: readonly string[]) => spawnSync(PROGRAM, args, { encoding: 'utf8' })

/** Command lines of watchdogs for a mountpoint. */
const watchdogs = (mountpoint: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes('watchdog\0') && line.includes(`${mountpoint}\0`))

describe('freeze-thaw', () => {
  let filesystem: ReturnType<typeof mountLoopFilesystem>

  beforeEach(() => {
    filesystem = mountLoopFilesystem('ext4', 64)
  })
  afterEach(() => {
    filesystem.release()
  })

  /** A file as GRUB reads it from the disk, without the journal; null when GRUB does not find it. */
  const asGrubSees = (path: string): string | null => {
    const { status, stdout } = spawnSync('/usr/bin/grub-fstest', [join(dirname(filesystem.mountpoint), 'image'), 'cat', `(loop0)/${path}`], {
      encoding: 'latin1',
    })
    return status === 0 ? stdout : null
  }

  it('thaws, leaves no watchdog, and can be run again at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect(run(filesystem.mountpoint)).toMatchObject({ status: 0, stderr: '' })
      writeFileSync(join(filesystem.mountpoint, 'written'), String(round))
    }
    await expect.poll(() => watchdogs(filesystem.mountpoint)).toEqual([])
  })

  it('runs from standard input as well', () => {
    const { status } = spawnSync('/bin/sh', ['-s', '--', filesystem.mountpoint], { input: readFileSync(PROGRAM) })
    expect(status).toBe(0)
    writeFileSync(join(filesystem.mountpoint, 'written'), '')
  })

  it('says with status 3 that a filesystem could only be synced', async () => {
    execFileSync('/usr/bin/mount', ['-t', 'tmpfs', 'tmpfs', filesystem.mountpoint])
    try {
      expect(run(filesystem.mountpoint).status).toBe(3)
      await expect.poll(() => watchdogs(filesystem.mountpoint)).toEqual([])
    } finally {
      execFileSync('/usr/bin/umount', [filesystem.mountpoint])
    }
  })

  it('never freezes the filesystem around a directory that is no mountpoint', () => {
    const { status, stderr } = run(dirname(filesystem.mountpoint))
    expect(status).toBe(1)
    expect(stderr).toContain('is not a mountpoint')
    expect(run('relative').status).toBe(2)
    expect(run().status).toBe(2)
  })

  it('thaws within seconds when its whole process group is killed while the filesystem is frozen', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'belay-freeze-'))
    // In a mount namespace of its own the program finds an fsfreeze that freezes and then kills the process group.
    copyFileSync(FSFREEZE, join(directory, 'fsfreeze'))
    writeFileSync(join(directory, 'killing'), `#!/bin/sh\n"${directory}/fsfreeze" "$@" || exit\nif [ "$1" = --freeze ]; then kill -s KILL 0; fi\n`)
    chmodSync(join(directory, 'killing'), 0o755)
    const { mountpoint } = filesystem
    const { signal } = spawnSync('/usr/bin/setsid', [
      '--wait',
      '/usr/bin/unshare',
      '--mount',
      '/bin/sh',
      '-c',
      `mount --bind "$1/killing" ${FSFREEZE} && exec "$2" "$3"`,
      'sh',
      directory,
      PROGRAM,
      mountpoint,
    ])
    expect(signal).toBe('SIGKILL')
    expect(spawnSync(FSFREEZE, ['--freeze', mountpoint], { encoding: 'utf8' }).stderr).toContain('busy')

    // Should the watchdog not do it, the write below would wait for ever, and nothing could be unmounted.
    const rescue = setTimeout(() => spawnSync(FSFREEZE, ['--unfreeze', mountpoint]), 60_000)
    const began = performance.now()
    const writer = spawn('/usr/bin/touch', [join(mountpoint, 'written')])
    await new Promise((resolve) => writer.on('close', resolve))
    clearTimeout(rescue)
    rmSync(directory, { recursive: true })
    expect(performance.now() - began).toBeLessThan(50_000)
  })

  it('makes what belay writes visible to GRUB before any journal is replayed', async () => {
    const runner = createExecaRunner(new RecordingLog())
    const files = createNodeFiles(runner)
    const settler = createShellSettler({ runner, files, log: new RecordingLog(), script: PROGRAM })
    const { mountpoint } = filesystem
    const partition = new GrubPartition({ files, settler, mountpoint })
    await partition.prepare()
    const choice = { good: ONE, trial: null, attemptsLeft: 0 as const, once: null }

    await partition.change({ choice, fragment: 'first menu', grubCfg: 'configuration' })
    expect(asGrubSees('belay/menu.cfg')).toBe('first menu')
    expect(asGrubSees('grub.cfg')).toBe('configuration')
    expect(asGrubSees('belay/env')).toContain('belay_good=be-000001\n')

    await partition.change({ choice: { ...choice, once: TWO }, fragment: 'second menu' })
    expect(asGrubSees('belay/menu.cfg')).toBe('second menu')
    expect(asGrubSees('belay/env')).toContain('belay_once=be-000002\n')
    // In place: visible without any freeze.
    await files.overwriteInPlace(join(mountpoint, 'belay/env'), Buffer.from('# GRUB Environment Block\nbelay_good=be-000007\n'.padEnd(1024, '#')))
    expect(asGrubSees('belay/env')).toContain('belay_good=be-000007\n')
  })

  it('lets GRUB see a refreshed boot set through its link', async () => {
    const runner = createExecaRunner(new RecordingLog())
    const files = createNodeFiles(runner)
    const settler = createShellSettler({ runner, files, log: new RecordingLog(), script: PROGRAM })
    const { mountpoint } = filesystem
    const root = mkdtempSync(join(tmpdir(), 'belay-root-'))
    const listing = new ListingRunner()
    const sets = new BootSets({ files, runner: listing, settler, listInitrd: '/usr/lib/belay/libexec/list-initrd', clock: new FixedClock(), mountpoint })
    mkdirSync(join(mountpoint, 'belay'))
    for (const initrd of ['first initrd', 'second initrd']) {
      await installKernel(files, listing, { root, version: VERSION, initrd })
      await sets.build({ rootDirectory: root, be: ONE, filesystem: 'btrfs', entryText: 'entry' })
      await sets.share({ from: ONE, to: TWO, entryText: 'entry of two' })
      await settler.settle(mountpoint)
      for (const be of [ONE, TWO]) expect(asGrubSees(`belay/be/${be}/initrd.img`)).toBe(initrd)
    }
    expect(await sets.check(TWO, { thorough: true })).toEqual([])
    rmSync(root, { recursive: true })
  })
})
