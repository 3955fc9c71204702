import { describe, expect, it } from 'vitest'
import type { RunOptions, Runner } from '../../../src/sys/ports.ts'
import { createShellSettler } from '../../../src/sys/settler.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'

function runnerAnswering(status: number): { readonly runner: Runner; readonly calls: { tool: string; args: readonly string[]; input: string | undefined }[] } {
  const calls: { tool: string; args: readonly string[]; input: string | undefined }[] = []
  const run = (tool: string, args: readonly string[], options: RunOptions = {}) => {
    calls.push({ tool, args, input: options.input })
    return Promise.resolve({ status: tool === '/bin/sh' ? status : 0, stdout: '', stderr: '' })
  }
  return { runner: { run, stream: run }, calls }
}

const script = '/usr/lib/belay/libexec/freeze-thaw'

describe('the settler', () => {
  it('runs the text that the script had when the settler was made', async () => {
    const files = new MemoryFiles()
    await files.makeDirectory('/usr/lib/belay/libexec')
    await files.writeAtomic(script, 'old text')
    const { runner, calls } = runnerAnswering(0)
    const settler = createShellSettler({ runner, files, log: new RecordingLog(), script })
    await files.writeAtomic(script, 'text of the next version')
    await settler.settle('/boot/grub')
    expect(calls).toEqual([{ tool: '/bin/sh', args: ['-s', '--', '/boot/grub'], input: 'old text' }])
  })

  it('accepts a filesystem that could only be synced, and says so', async () => {
    const files = new MemoryFiles()
    await files.makeDirectory('/usr/lib/belay/libexec')
    await files.writeAtomic(script, 'text')
    const { runner } = runnerAnswering(3)
    const log = new RecordingLog()
    await createShellSettler({ runner, files, log, script }).settle('/boot/grub')
    expect(log.entries).toMatchObject([{ level: 'warn', facts: { mountpoint: '/boot/grub' } }])
  })

  it('reports a missing script with the first use', async () => {
    const { runner } = runnerAnswering(0)
    const settler = createShellSettler({ runner, files: new MemoryFiles(), log: new RecordingLog(), script })
    await expect(settler.settle('/boot/grub')).rejects.toMatchObject({ code: 'not-found' })
  })
})
