import { posix } from 'node:path'
import type { EntryStat } from '../../sys/ports.ts'
import type { Appliance } from '../appliance.ts'
import type { HealthCheck } from './health-check.ts'

/** Programs of the appliance's vendor that say whether it is healthy. */
const DIRECTORY = '/etc/belay/health.d'
const LINES_OF_PROGRAM = 10
/** What run-parts(8) runs, and so neither backups of editors nor what dpkg left (`.dpkg-old`). */
const RUN_PARTS_NAME = /^[A-Za-z0-9_-]+$/
const EXECUTABLE = 0o111
const WRITABLE_BY_OTHERS = 0o022

/** Why root must not run it, as the end of a sentence that begins with it; null when it may. */
const whyUntrusted = ({ kind, uid, mode }: EntryStat, wanted: EntryStat['kind']): string | null => {
  if (kind !== wanted) return `is not a ${wanted}`
  if (uid !== 0) return 'does not belong to root'
  return (mode & WRITABLE_BY_OTHERS) === 0 ? null : 'can be written by others than root'
}

const sick = (name: string, text: string, lines: readonly string[] = []): HealthCheck => ({ check: name, healthy: false, text, lines: [...lines] })

/**
 * Run what lies in /etc/belay/health.d, in the order of run-parts(8), one after the other. What is there and cannot be trusted is a fault: to leave it out would
 * call a machine healthy that nobody looked at.
 */
export const runHealthPrograms = async ({
  files,
  foreignPrograms,
  policy,
}: Pick<Appliance, 'files' | 'foreignPrograms' | 'policy'>): Promise<HealthCheck[]> => {
  const directory = await files.stat(DIRECTORY)
  if (directory === null) return []
  const wrong = whyUntrusted(directory, 'directory')
  if (wrong !== null) return [sick('health.d', `${DIRECTORY} ${wrong}`)]
  const checks: HealthCheck[] = []
  for (const name of (await files.list(DIRECTORY)).filter((entry) => RUN_PARTS_NAME.test(entry)).toSorted()) {
    const path = posix.join(DIRECTORY, name)
    const stat = await files.stat(path)
    // As run-parts does: a text beside the programs is none.
    if (stat === null || (stat.kind === 'file' && (stat.mode & EXECUTABLE) === 0)) continue
    const check = `health.d/${name}`
    const untrusted = whyUntrusted(stat, 'file')
    if (untrusted !== null) {
      checks.push(sick(check, `${path} ${untrusted}`))
      continue
    }
    const seconds = policy.health.timeLimit
    const { status, late, lines } = await foreignPrograms.run(path, { seconds, lines: LINES_OF_PROGRAM })
    const ended = late
      ? `did not end within ${String(seconds)} seconds`
      : status === null
        ? 'could not be run, or was killed'
        : `ended with status ${String(status)}`
    checks.push(status === 0 ? { check, healthy: true, text: `${path} says so`, lines: [] } : sick(check, `${path} ${ended}`, lines))
  }
  return checks
}
