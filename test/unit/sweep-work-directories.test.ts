import { describe, expect, it } from 'vitest'
import { ToolError } from '../../src/errors.ts'
import { sweepWorkDirectories } from '../../src/sweep-work-directories.ts'
import type { Runner } from '../../src/sys/ports.ts'
import { MemoryFiles } from '../fakes/memory-files.ts'

describe('what killed processes left mounted', () => {
  const sweep = async (names: readonly string[], run: Runner['run'], alive: readonly number[] = []): Promise<void> => {
    const files = new MemoryFiles()
    for (const name of names) await files.makeDirectory(`/run/belay/${name}/top`)
    const isAlive = ({ pid }: { readonly pid: number }) => Promise.resolve(alive.includes(pid))
    await sweepWorkDirectories({ files, runner: { run, stream: run }, directory: '/run/belay', isAlive })
  }

  it('is unmounted lazily, and only empty directories are removed; what is not a dead process’s stays', async () => {
    const calls: string[] = []
    await sweep(
      ['7-70', '8-80', 'notes'],
      (tool, args) => {
        calls.push([tool, ...args].join(' '))
        return Promise.resolve({ status: 0, stdout: '', stderr: '' })
      },
      [8],
    )
    expect(calls).toEqual(['/usr/bin/umount --lazy -- /run/belay/7-70/top', '/usr/bin/rmdir -- /run/belay/7-70/top /run/belay/7-70'])
  })

  it('does not keep anybody from working when it cannot be swept, or was swept meanwhile', async () => {
    await expect(sweep(['7-70', '9-90'], (tool, args) => Promise.reject(new ToolError(tool, args, 32, 'target is busy')))).resolves.toBeUndefined()
    await expect(sweep([], () => Promise.reject(new Error('never asked')))).resolves.toBeUndefined()
  })
})
