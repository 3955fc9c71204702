import { describe, expect, it } from 'vitest'
import type { Runner } from '../../../src/sys/ports.ts'
import { createSystemdUnits } from '../../../src/sys/units-systemd.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

/** What systemctl (systemd 252) says of these units: those of a state, and how often each was restarted. */
const systemctl = (failed: readonly string[], restarts: Readonly<Record<string, number>>): Runner => {
  const answer = (args: readonly string[]): string => {
    if (args[0] === 'list-units')
      return [
        ...failed.map((name) => `${name} loaded failed failed A service`),
        ...Object.keys(restarts).map((name) => `${name} loaded activating auto-restart A service`),
      ].join('\n')
    return args
      .slice(args.indexOf('--') + 1)
      .map((name) => String(restarts[name]))
      .join('\n\n')
  }
  const run: Runner['run'] = (_, args) => Promise.resolve({ status: 0, stdout: `${answer(args)}\n`, stderr: '' })
  return { run, stream: () => Promise.reject(new Error('nothing is stopped')) }
}

describe('units that have failed', () => {
  const failedOf = (failed: readonly string[], restarts: Readonly<Record<string, number>>) =>
    createSystemdUnits({ files: new MemoryFiles(), runner: systemctl(failed, restarts) }).failed()

  it('are those that systemd calls so, and services that were restarted more than once', async () => {
    expect(await failedOf(['b.service'], { 'a.service': 7, 'first-pause.service': 0, 'second-pause.service': 1, 'third-pause.service': 2 })).toEqual([
      'a.service',
      'b.service',
      'third-pause.service',
    ])
    expect(await failedOf(['b.service'], {})).toEqual(['b.service'])
  })
})
