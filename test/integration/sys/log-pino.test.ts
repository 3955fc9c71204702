import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openPinoLog } from '../../../src/sys/log-pino.ts'

const directory = mkdtempSync(join(tmpdir(), 'belay-log-'))

afterAll(() => {
  rmSync(directory, { recursive: true })
})

describe('the log', () => {
  it('has each line in the file on return, without secrets and without what is below the level', async () => {
    const file = join(directory, 'state', 'belay.log')
    const log = await openPinoLog({ destination: { file }, level: 'info' })
    log.debug('unseen')
    log.warn('odd', { path: '/x', password: 'hunter2' })
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'odd', path: '/x', password: '[redacted]', pid: process.pid })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('does not stop its program when the disk is full', async () => {
    const log = await openPinoLog({ destination: { file: '/dev/full' }, level: 'info' })
    expect(() => {
      log.info('lost')
      log.error('lost too', { cause: new Error('x') })
    }).not.toThrow()
  })
})
