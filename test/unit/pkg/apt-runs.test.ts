import { describe, expect, it } from 'vitest'
import { createAptPackages } from '../../../src/pkg/apt/apt-packages.ts'
import { createAptRuns } from '../../../src/pkg/apt/apt-runs.ts'
import type { Runner, ToolResult } from '../../../src/sys/ports.ts'
import { FixedClock } from '../../fakes/fixed-clock.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'

const DPKG = '/var/lib/dpkg'
const statusOf = (word: string): string => `Package: gateway\nStatus: install ok ${word}\nArchitecture: amd64\nVersion: 1\n`

const machine = async ({ word = 'installed' } = {}) => {
  const files = new MemoryFiles()
  files.makeVolume('/root')
  await files.makeDirectory(`/root${DPKG}/updates`)
  await files.writeAtomic(`/root${DPKG}/status`, statusOf(word))
  await files.writeAtomic(`/root${DPKG}/lock-frontend`, '')
  return files
}

describe('dpkg since the restore point', () => {
  const isUntouched = (files: MemoryFiles) =>
    createAptRuns({ files, log: new RecordingLog(), root: '/root', pid: 1, runDirectory: null, units: null }).isUntouchedSince('/root')

  it('has changed nothing while its status is the one that was, and it has written no change that is to be merged', async () => {
    const files = await machine()
    await files.writeAtomic(`/root${DPKG}/updates/tmp.i`, '')
    expect(await isUntouched(files)).toBe(true)
    await files.writeAtomic(`/root${DPKG}/updates/0000`, statusOf('half-installed'))
    expect(await isUntouched(files)).toBe(false)
  })

  it('may have no directory for changes', async () => {
    const files = await machine()
    await files.remove(`/root${DPKG}/updates`)
    expect(await isUntouched(files)).toBe(true)
  })
})

describe('the check of what apt left, while another program holds dpkg’s lock', () => {
  const fails = (): Promise<ToolResult> => Promise.reject(new Error('no such tool'))
  const runner: Runner = { run: () => Promise.resolve({ status: 0, stdout: '', stderr: '' }), stream: fails }
  const verify = async (word: string, heldFor: number) => {
    const files = await machine({ word })
    const clock = new FixedClock()
    const began = clock.now().getTime()
    const inode = (await files.stat(`/root${DPKG}/lock-frontend`))?.inode ?? 0
    await files.makeDirectory('/proc/4711/fd')
    await files.symlink(`/root${DPKG}/lock-frontend`, '/proc/4711/fd/3')
    files.mountTree('/root', '/proc/4711/root')
    const passing = {
      now: () => clock.now(),
      pause: async (milliseconds: number): Promise<void> => {
        await clock.pause(milliseconds)
        if (clock.now().getTime() - began >= heldFor) await files.writeAtomic('/proc/locks', '')
      },
    }
    await files.writeAtomic('/proc/locks', `1: POSIX  ADVISORY  WRITE 4711 fe:00:${String(inode)} 0 EOF\n`)
    const packages = createAptPackages({
      files,
      runner,
      clock: passing,
      root: '/root',
      enterRoot: '/enter-root',
      besideGrubCfg: '/beside-grub-cfg',
      readDeb: '/read-deb',
      policy: { conffiles: 'keep', debconf: [] },
    })
    expect((await packages.state()).lockHolder).toBe(4711)
    const code = await packages.verify().then(
      () => null,
      (error: unknown) => (error as { code: string }).code,
    )
    return { code, waited: clock.now().getTime() - began }
  }

  it('waits for that', async () => {
    expect(await verify('installed', 3000)).toEqual({ code: null, waited: 3000 })
  })

  it.each([
    ['installed', null],
    ['half-configured', 'packages-broken'],
  ])('judges what is there in the end: %s', async (word, code) => {
    expect(await verify(word, Number.POSITIVE_INFINITY)).toEqual({ code, waited: 15_000 })
  })
})
