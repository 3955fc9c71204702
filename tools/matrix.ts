// Tells the story on machines of the matrix and prints a table. What was told to its end on this very code is not told again, so that hours can be gone on with.
// Arguments: names of machines (default: all), --turn N for one more that N chooses, --length short|quick|full, --at-once N machines (default: 1), --reports DIR
// for vitest's JSON reports (default: one in the cache for each state of the code), --again to tell all.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { cacheDirectoryOf } from '../demo/cache/cache-directory.ts'
import { CELLS, type Cell, cellOfTurn, parseCell } from '../test/vm/story/cell.ts'
import { atOnce } from './at-once.ts'
import { codeDigest } from './code-digest.ts'
import { VITEST } from './vitest-program.ts'

/** What vitest's JSON reporter writes (vitest 5), as far as it is read; times in ms since 1970. */
const Report = z.object({
  success: z.boolean(),
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  startTime: z.number(),
  testResults: z.array(z.object({ endTime: z.number() })),
})

/** What became of a story. */
interface Told {
  readonly cell: Cell
  readonly passed: number
  readonly failed: number
  readonly began: Date
  readonly seconds: number
}

const ROOT = join(import.meta.dirname, '..')
/** No machine knows of these; what package.json asks for is in its lock. */
const BESIDE_THE_STORY = [
  ...['docs', 'bench', 'schemas', 'test/unit', 'test/integration', 'test/long-life', 'test/power-cuts', 'test/release', 'test/zfs'],
  ...['vitest.config.ts', 'knip.json', 'eslint.config.js', 'package.json', '*.md', '.*'],
]

async function readTold(cell: Cell, report: string): Promise<Told | null> {
  const text = await readFile(report, 'utf8').catch(() => null)
  if (text === null) return null
  const { success, numPassedTests, numFailedTests, startTime, testResults } = Report.parse(JSON.parse(text))
  const ended = Math.max(startTime, ...testResults.map(({ endTime }) => endTime))
  const failed = success ? numFailedTests : Math.max(numFailedTests, 1)
  return { cell, passed: numPassedTests, failed, began: new Date(startTime), seconds: (ended - startTime) / 1000 }
}

const { values, positionals } = parseArgs({
  options: {
    length: { type: 'string', default: 'full' },
    'at-once': { type: 'string', default: '1' },
    reports: { type: 'string' },
    turn: { type: 'string' },
    again: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const named = [...positionals.map(parseCell), ...(values.turn === undefined ? [] : [cellOfTurn(Number(values.turn))])]
const cells = named.length === 0 ? CELLS : named
const reports = values.reports ?? join(cacheDirectoryOf(process.env), 'stories', (await codeDigest(ROOT, BESIDE_THE_STORY)).slice(0, 16))
await mkdir(reports, { recursive: true })
const directory = await mkdtemp(join(tmpdir(), 'belay-matrix-'))

/** Tells one story; what vitest prints goes to a log, and to the terminal when it fails. */
async function tell(cell: Cell): Promise<Told> {
  const report = join(reports, `${cell}-${values.length}.json`)
  const before = values.again ? null : await readTold(cell, report)
  if (before !== null && before.failed === 0) return before
  await rm(report, { force: true })
  const log = join(directory, `${cell}.log`)
  const output = createWriteStream(log)
  await once(output, 'open')
  const began = new Date()
  const args = [VITEST, 'run', '--project', 'vm', 'test/vm/story.test.ts', '--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
  const environment = { ...process.env, BELAY_CELL: cell, BELAY_STORY: values.length }
  const child = spawn(process.execPath, args, { cwd: ROOT, env: environment, stdio: ['ignore', output, output] })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) console.log(await readFile(log, 'utf8'))
  const reported = await readTold(cell, report)
  // Vitest's report says nothing of an error outside of all cases, nor of a run that was killed.
  if (status !== 0 && (reported?.failed ?? 0) === 0) await rm(report, { force: true })
  const told = reported ?? { cell, passed: 0, failed: 1, began, seconds: (Date.now() - began.getTime()) / 1000 }
  if (status !== 0 && told.failed === 0) return { ...told, failed: 1 }
  console.log(`${cell}: ${String(told.passed)} passed, ${String(told.failed)} failed, ${String(Math.round(told.seconds))} s`)
  return told
}

const told = await atOnce(Number(values['at-once']), cells, tell).finally(() => rm(directory, { recursive: true, force: true }))
const row = (name: string, ...columns: readonly string[]): string => [name.padEnd(14), ...columns.map((column) => column.padStart(9))].join('')
console.log(`\nThe story (${values.length}) on each machine: filesystem, firmware, Debian release\n`)
console.log(`${row('machine', 'chapters', 'failed', 'minutes')}  began`)
for (const { cell, passed, failed, seconds, began } of told) {
  console.log(`${row(cell, String(passed), String(failed), (seconds / 60).toFixed(1))}  ${began.toISOString().slice(0, 16)}Z`)
}
process.exitCode = told.some(({ failed }) => failed > 0) ? 1 : 0
