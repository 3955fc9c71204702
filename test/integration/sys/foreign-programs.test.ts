import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createForeignPrograms } from '../../../src/sys/foreign-programs.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { until } from '../belay/processes.ts'

describe('a program of somebody else’s', () => {
  let work: string
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'belay-foreign-'))
  })
  afterEach(() => {
    rmSync(work, { recursive: true })
  })

  const programs = createForeignPrograms(createExecaRunner(new RecordingLog()))
  const run = (text: string, seconds = 60, mode = 0o755) => {
    const path = join(work, 'program')
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, mode)
    return programs.run(path, { seconds, lines: 3 })
  }

  it('tells its status and the last of what it wrote, with nothing to read and no environment of ours', async () => {
    process.env['SCENE_SECRET'] = 'secret'
    expect(await run('seq 1 5; echo "secret:$SCENE_SECRET" >&2; cat; pwd; exit 7')).toMatchObject({ status: 7, late: false })
    expect((await run('cat; echo "secret:$SCENE_SECRET in $(pwd)"')).lines).toEqual(['secret: in /'])
  })

  it('is ended with what it started when its time is over', async () => {
    expect(await run(`sleep 600 & echo $! >${work}/child; trap '' TERM; echo waiting; wait; sleep 600`, 1)).toEqual({
      status: null,
      late: true,
      lines: ['waiting'],
    })
    const child = readFileSync(join(work, 'child'), 'utf8').trim()
    await until('its child has ended', () => Promise.resolve(!isRunning(child)))
  })

  it('that cannot be started has no status', async () => {
    expect(await run('exit 0', 60, 0o644)).toMatchObject({ status: null, late: false })
  })
})

const isRunning = (pid: string): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
