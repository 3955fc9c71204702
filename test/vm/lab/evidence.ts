import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyFromSecondPartition } from './disk-content.ts'
import type { VirtualMachine } from './virtual-machine.ts'

/** In the checkout, not in git. */
const PLACE = join(import.meta.dirname, '../logs')

const JOURNAL = 'journalctl --boot --no-pager --output short-monotonic | tail --lines 4000'

/**
 * Keeps what tells why a scenario failed: both serial lines, the scripts with their output, the screen, the journal when the shell answers,
 * and belay's files on the GRUB partition. The machine is off afterwards.
 * @param name of the scenario
 * @returns the directory
 */
export async function collectEvidence(machine: VirtualMachine, name: string): Promise<string> {
  const place = join(PLACE, `${new Date().toISOString().replaceAll(/[:.]/g, '-')} ${name}`.replaceAll(/[^A-Za-z0-9-]+/g, '-').slice(0, 100))
  await mkdir(place, { recursive: true })
  const lost: string[] = []
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => lost.push(`${what}: ${error instanceof Error ? error.message : String(error)}\n`))
  }
  await writeFile(join(place, 'screen.txt'), `${machine.console.screen.rows().join('\n').trimEnd()}\n`)
  if (machine.isIdle) {
    await attempt('journal', async () => writeFile(join(place, 'journal.txt'), await machine.must(JOURNAL, { timeoutSeconds: 60 })))
  }
  await machine.powerCut()
  for (const directory of ['/belay', '/grub/belay']) {
    await attempt(directory, () => copyFromSecondPartition(machine.disk, machine.directory, directory, join(place, 'second-partition')))
  }
  await cp(machine.logFile(''), place, { recursive: true })
  if (lost.length > 0) await writeFile(join(place, 'not-collected.txt'), lost.join(''))
  return place
}
