import { describe, expect, it } from 'vitest'
import { AuditLog, type AuditEntry } from '../../../src/snap/audit-log.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const entry = (plan: string): AuditEntry => ({
  at: '2026-11-21T03:00:00.000Z',
  plan,
  operation: 'snapshot',
  summary: plan,
  outcome: 'done',
  uid: 0,
  user: 'root',
  error: null,
  recovered: false,
})

const log = async (): Promise<{ readonly files: MemoryFiles; readonly audit: AuditLog }> => {
  const files = new MemoryFiles()
  await files.makeDirectory('/state')
  return { files, audit: new AuditLog(files, '/state') }
}

describe('the audit log', () => {
  it('is empty before the first run, and keeps entries in order', async () => {
    const { audit } = await log()
    expect(await audit.read()).toEqual([])
    for (const plan of ['a', 'b', 'c']) await audit.append(entry(plan))
    expect((await audit.read()).map((found) => found.plan)).toEqual(['a', 'b', 'c'])
  })

  it('goes on behind a line that a power cut tore, and leaves that one out', async () => {
    const { files, audit } = await log()
    await audit.append(entry('a'))
    await files.append('/state/audit.jsonl', '{"at":"2026')
    await audit.append(entry('b'))
    expect((await audit.read()).map((found) => found.plan)).toEqual(['a', 'b'])
  })

  it('keeps fields and outcomes of a newer belay', async () => {
    const { files, audit } = await log()
    await files.append('/state/audit.jsonl', `${JSON.stringify({ ...entry('a'), outcome: 'postponed', host: 'x' })}\n`)
    expect(await audit.read()).toEqual([{ ...entry('a'), outcome: 'postponed', host: 'x' }])
  })
})
