import { describe, expect, it } from 'vitest'
import { ToolError } from '../../src/errors.ts'
import { sweepWorkDirectories } from '../../src/sweep-work-directories.ts'
import type { Runner } from '../../src/sys/ports.ts'
import { MemoryFiles } from '../fakes/memory-files.ts'

const MOUNTED = [
  '60 40 0:50 / /run/belay/7-70/whole/pool%ROOT%be-000001 rw - zfs pool/ROOT/be-000001 rw',
  '61 60 0:51 / /run/belay/7-70/whole/pool%ROOT%be-000001/etc/app rw - zfs pool/ROOT/be-000001/config-001 rw',
  '62 40 0:52 / /run/belay/8-80/top rw - btrfs /dev/vda2 rw',
  '63 40 0:53 / /srv rw - ext4 /dev/vdb rw',
]

describe('what killed processes left mounted', () => {
  const sweep = async (names: readonly string[], run: Runner['run'], alive: readonly number[] = []): Promise<string[]> => {
    const files = new MemoryFiles()
    await files.makeDirectory('/proc/self')
    await files.writeAtomic('/proc/self/mountinfo', `${MOUNTED.join('\n')}\n`)
    for (const name of names) await files.makeDirectory(`/run/belay/${name}/whole`)
    const isAlive = ({ pid }: { readonly pid: number }) => Promise.resolve(alive.includes(pid))
    await sweepWorkDirectories({ files, runner: { run, stream: run }, directory: '/run/belay', isAlive })
    return (await files.stat('/run/belay')) === null ? [] : files.list('/run/belay')
  }

  it('is unmounted lazily, what lies inside first, and its directory removed; what is not a dead process’s stays', async () => {
    const calls: string[] = []
    const left = await sweep(
      ['7-70', '8-80', '9-90', 'notes'],
      (tool, args) => {
        calls.push([tool, ...args].join(' '))
        return Promise.resolve({ status: 0, stdout: '', stderr: '' })
      },
      [8],
    )
    expect(calls).toEqual([
      '/usr/bin/umount --lazy -- /run/belay/7-70/whole/pool%ROOT%be-000001/etc/app',
      '/usr/bin/umount --lazy -- /run/belay/7-70/whole/pool%ROOT%be-000001',
    ])
    expect(left.toSorted()).toEqual(['8-80', 'notes'])
  })

  it('does not keep anybody from working when it cannot be swept, or was swept meanwhile', async () => {
    const busy: Runner['run'] = (tool, args) => Promise.reject(new ToolError(tool, args, 32, 'target is busy'))
    expect((await sweep(['7-70', '9-90'], busy)).toSorted()).toEqual(['7-70'])
    expect(await sweep([], () => Promise.reject(new Error('never asked')))).toEqual([])
  })
})
