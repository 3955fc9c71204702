// Measures belay beside the tools that it is compared with, in one run, and writes the figures into README.md and bench/results.md.
//   node bench/run.ts            everything; about a quarter of an hour
//   node bench/run.ts --quick    fewer rows and rounds, in less than three minutes; printed only
import { parseArgs, styleText } from 'node:util'
import { Lab } from './lab/lab.ts'
import { makeStandingAppliance } from './lab/standing-appliance.ts'
import type { Comparison } from './report/comparison.ts'
import { readMachineFacts } from './report/machine-facts.ts'
import { comparisonTable } from './report/markdown.ts'
import { publish } from './report/publish.ts'
import { compareBootMenu } from './rows/boot-menu.ts'
import { compareCommandLineStart } from './rows/command-line-start.ts'
import { compareList } from './rows/list.ts'
import { compareRestorePoint } from './rows/restore-point.ts'
import { compareRollback, compareRollbackWithCopies } from './rows/rollback.ts'
import { compareRootSizes } from './rows/root-size.ts'
import { compareUpgrade } from './rows/upgrade.ts'

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const began = performance.now()
const say = (text: string): void => {
  const seconds = String(Math.round((performance.now() - began) / 1000)).padStart(4)
  process.stderr.write(`${styleText('dim', `${seconds} s`, { stream: process.stderr })}  ${text}\n`)
}

const measure = async (lab: Lab): Promise<Comparison[]> => {
  const { quick } = options
  const comparisons: Comparison[] = []
  const row = async (what: string, compare: () => Promise<Comparison[]>): Promise<void> => {
    say(what)
    comparisons.push(...(await compare()))
  }
  await row('start of the command line', () => compareCommandLineStart(lab, quick ? 11 : 21))
  say('an appliance with its peers')
  const standing = await makeStandingAppliance(lab)
  await row('restore point', () => compareRestorePoint(lab, standing, quick ? 5 : 11))
  await row('boot menu', () => compareBootMenu(standing, quick ? 5 : 11))
  await row('rollback', () => compareRollback(lab, standing, quick ? 3 : 7))
  if (!quick) await row('rollback beside a tool that copies', () => compareRollbackWithCopies(lab, standing))
  await lab.discard(standing.appliance)
  await row('list', () => compareList(lab, quick ? { count: 100, rounds: 5 } : { count: 1000, rounds: 11 }))
  if (quick) return comparisons
  await row('size of the root', () => compareRootSizes(lab, 5))
  await row('upgrade', () => compareUpgrade(lab, 3))
  return comparisons
}

const lab = await Lab.open()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    say('interrupted; cleaning up')
    void lab.close().finally(() => {
      process.exit(130)
    })
  })
}
try {
  const comparisons = await measure(lab)
  process.stdout.write(`${comparisonTable(comparisons)}\n`)
  if (!options.quick) await publish(comparisons, await readMachineFacts(new Date()))
} finally {
  await lab.close()
}
say('done')
