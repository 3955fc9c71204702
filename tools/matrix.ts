// Tells the story on machines of the matrix and prints a table.
// Arguments: names of machines (default: all), --turn N for one more that N chooses, --length short|quick|full, --at-once N machines (default: 1), --reports DIR
// for vitest's JSON reports.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { VITEST } from './vitest-program.ts'
import { CELLS, type Cell, cellOfTurn, parseCell } from '../test/vm/story/cell.ts'

/** What became of a story. */
interface Told {
  readonly cell: Cell
  readonly passed: number
  readonly failed: number
  readonly seconds: number
}

const ROOT = join(import.meta.dirname, '..')

/** Tells one story; what vitest prints goes to the log, and to the terminal when it fails. */
async function tell(cell: Cell, length: string, directory: string, reports: string): Promise<Told> {
  const began = performance.now()
  const [report, log] = [join(reports, `${cell}.json`), join(directory, `${cell}.log`)]
  const output = createWriteStream(log)
  await once(output, 'open')
  const args = [VITEST, 'run', '--project', 'vm', 'test/vm/story.test.ts', '--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, BELAY_CELL: cell, BELAY_STORY: length }, stdio: ['ignore', output, output] })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) console.log(await readFile(log, 'utf8'))
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(
    await readFile(report, 'utf8').catch(() => '{"numPassedTests":0,"numFailedTests":1}'),
  ) as { readonly numPassedTests: number; readonly numFailedTests: number }
  return { cell, passed, failed: status === 0 ? failed : Math.max(failed, 1), seconds: (performance.now() - began) / 1000 }
}

const { values, positionals } = parseArgs({
  options: { length: { type: 'string', default: 'full' }, 'at-once': { type: 'string', default: '1' }, reports: { type: 'string' }, turn: { type: 'string' } },
  allowPositionals: true,
})
const named = [...positionals.map(parseCell), ...(values.turn === undefined ? [] : [cellOfTurn(Number(values.turn))])]
const cells = named.length === 0 ? CELLS : named
const directory = await mkdtemp(join(tmpdir(), 'belay-matrix-'))
const told: Told[] = []
try {
  const waiting = [...cells]
  const work = async (): Promise<void> => {
    for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
      const result = await tell(cell, values.length, directory, values.reports ?? directory)
      told.push(result)
      console.log(`${cell}: ${String(result.passed)} passed, ${String(result.failed)} failed, ${String(Math.round(result.seconds))} s`)
    }
  }
  await Promise.all(Array.from({ length: Number(values['at-once']) }, work))
} finally {
  await rm(directory, { recursive: true, force: true })
}

const row = (name: string, ...columns: readonly string[]): string => [name.padEnd(14), ...columns.map((column) => column.padStart(9))].join('')
console.log(`\nThe story (${values.length}) on each machine: filesystem, firmware, Debian release\n`)
console.log(row('machine', 'chapters', 'failed', 'minutes'))
for (const { cell, passed, failed, seconds } of told) console.log(row(cell, String(passed), String(failed), (seconds / 60).toFixed(1)))
process.exitCode = told.some(({ failed }) => failed > 0) ? 1 : 0
