// Measures belay beside the tools that it is compared with, in one run, and writes the figures into README.md and bench/results.md.
//   node bench/run.ts            everything; twenty to forty minutes
//   node bench/run.ts --quick    fewer rows and rounds, in less than three minutes; printed only
import { parseArgs, styleText } from 'node:util'
import { Lab } from './lab/lab.ts'
import { makeStandingAppliance } from './lab/standing-appliance.ts'
import type { Comparison } from './report/comparison.ts'
import { readMachineFacts } from './report/machine-facts.ts'
import { comparisonTable } from './report/markdown.ts'
import { publish } from './report/publish.ts'
import { compareAptGuard } from './rows/apt-guard.ts'
import { compareBootMenu } from './rows/boot-menu.ts'
import { compareCommandLineStart } from './rows/command-line-start.ts'
import { compareOnOpenZfs } from './rows/openzfs.ts'
import { comparePackage } from './rows/package.ts'
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

/** What is told beside the table. */
const facts: string[] = []

const measure = async (lab: Lab): Promise<Comparison[]> => {
  const { quick } = options
  const comparisons: Comparison[] = []
  const row = async (what: string, compare: () => Promise<Comparison[]>): Promise<void> => {
    say(what)
    comparisons.push(...(await compare()))
  }
  await row('start of the command line', () => compareCommandLineStart(lab, quick ? 11 : 21))
  await row('the Debian package', async () => {
    const { comparisons: ofPackage, size } = await comparePackage(quick ? 11 : 21)
    facts.push(size)
    return ofPackage
  })
  say('an appliance with its peers')
  const standing = await makeStandingAppliance(lab)
  await row('restore point', () => compareRestorePoint(lab, standing, quick ? 5 : 11))
  await row('apt hook', () => compareAptGuard(standing.appliance, quick ? 11 : 21))
  await row('boot menu', () => compareBootMenu(standing, quick ? 5 : 11))
  await row('rollback', () => compareRollback(lab, standing, quick ? 3 : 5))
  if (!quick) await row('rollback beside a tool that copies', () => compareRollbackWithCopies(lab, standing))
  await lab.discard(standing.appliance)
  await row('list', () => compareList(lab, quick ? { count: 100, rounds: 5 } : { count: 1000, rounds: 11 }))
  if (quick) return comparisons
  await row('size of the root', () => compareRootSizes(lab, 5))
  await row('upgrade', () => compareUpgrade(lab, 3))
  await row('OpenZFS in an emulated machine', () => compareOnOpenZfs({ count: 1000, rounds: 5 }))
  return comparisons
}

const lab = await Lab.open()
let signals = 0
const interrupted = (): boolean => signals > 0
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Not once: execa (10) ends the process by the same signal when it finds no listener but its own.
  process.on(signal, () => {
    signals += 1
    if (signals > 1) return
    say('interrupted; cleaning up')
    lab.close().then(
      () => process.exit(130),
      (error: unknown) => {
        say(`cleaning up failed: ${String(error)}`)
        process.exit(1)
      },
    )
  })
}
try {
  const comparisons = await measure(lab)
  process.stdout.write(`${comparisonTable(comparisons)}\n${facts.join('\n')}\n`)
  if (!options.quick) await publish(comparisons, [...(await readMachineFacts(new Date())), ...facts])
} catch (error) {
  // After an interruption, whatever was being measured fails.
  if (!interrupted()) throw error
} finally {
  await lab.close()
}
if (!interrupted()) say('done')
