// Runs the suite that every snapshot driver has to pass on all of them, and prints the counts side by side: in memory, on btrfs, and on OpenZFS 2.3 and 2.1 in guests.
// Arguments: names of drivers (default: all).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Suite } from '../demo/debian-archive.ts'
import { runVitest } from '../test/vm/zfs/run-vitest.ts'
import { parseVitestReport, type VitestRun } from '../test/vm/zfs/vitest-report.ts'
import { withZfsGuest } from '../test/vm/zfs/zfs-guest.ts'
import { atOnce } from './at-once.ts'
import { VITEST } from './vitest-program.ts'

const ROOT = join(import.meta.dirname, '..')
/** Part of the name of each case, and of none but these. */
const CASES = ['-t', 'keeps the contract of Driver']
const LONGEST_SECONDS = 3 * 60 * 60

async function here(project: string, file: string): Promise<VitestRun> {
  const directory = await mkdtemp(join(tmpdir(), 'belay-conformance-'))
  try {
    const report = join(directory, 'report.json')
    const args = [VITEST, 'run', '--project', project, file, ...CASES, '--reporter=json', `--outputFile.json=${report}`]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'ignore' })
    const [status] = (await once(child, 'close')) as [number | null]
    return parseVitestReport(await readFile(report, 'utf8'), status ?? 1)
  } finally {
    await rm(directory, { recursive: true })
  }
}

const onZfs = (suite: Suite): Promise<VitestRun> =>
  withZfsGuest((guest) => runVitest(guest, ['--project', 'zfs', 'test/zfs/zfs-driver.test.ts', ...CASES], { timeoutSeconds: LONGEST_SECONDS }), { suite })

const DRIVERS: Readonly<Record<string, () => Promise<VitestRun>>> = {
  'in memory': () => here('unit', 'test/unit/snap/memory-driver.test.ts'),
  btrfs: () => here('integration', 'test/integration/snap/btrfs-driver.test.ts'),
  'OpenZFS 2.3': () => onZfs('trixie'),
  'OpenZFS 2.1': () => onZfs('bookworm'),
}

const names = process.argv.slice(2)
const chosen = Object.entries(DRIVERS).filter(([name]) => names.length === 0 || names.includes(name))
const row = (name: string, ...columns: readonly string[]): string => [name.padEnd(14), ...columns.map((column) => column.padStart(8))].join('')
// Two guests keep two processors busy; the others are done in seconds.
const rows = await atOnce(2, chosen, async ([name, run]) => {
  const { passed, failures } = await run()
  for (const failure of failures) console.log(`${name}: ${failure}\n`)
  if (failures.length > 0 || passed === 0) process.exitCode = 1
  return row(name, String(passed), String(failures.length))
})
console.log([row('driver', 'passed', 'failed'), ...rows].join('\n'))
