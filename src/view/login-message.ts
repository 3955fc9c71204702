import type { RunningFacts } from '../operations/explain-running.ts'
import { columns } from './columns.ts'
import { faultsText, leftByFallback, reasonText, tornText, versionText } from './running-text.ts'

type Command = readonly [command: string, does: string]

const CONFIRM: Command = ['belay confirm', 'to stay with it']
const REBOOT: Command = ['systemctl reboot', 'to start what comes next']
const HEALTH: Command = ['belay health', 'looks again at what is wrong']
const DOCTOR: Command = ['belay doctor', 'says what is wrong']

/** Whether a reboot would start what was chosen, and is not the end of what a person picked. */
const isPending = ({ why, running, next }: RunningFacts): boolean =>
  why === 'upgraded' ||
  why === 'upgrade-failed' ||
  why === 'leaving' ||
  ((why === 'confirmed' || why === 'rolled-back') && next !== null && next.be !== running?.be)

const commandsFor = (facts: RunningFacts): readonly Command[] => {
  const forward: readonly Command[] = facts.left === null ? [] : [['belay forward', `to return to generation ${String(facts.left)}`]]
  switch (facts.why) {
    case 'confirmed':
    case 'rolled-back':
      if (isPending(facts)) return [REBOOT]
      return facts.why === 'rolled-back' ? [CONFIRM, ...forward] : forward
    case 'upgraded':
    case 'upgrade-failed':
    case 'leaving':
      return [REBOOT]
    case 'trial':
      return facts.left === null ? [CONFIRM, ['belay rollback', 'to go back']] : [CONFIRM, ...forward]
    case 'picked':
    case 'fallback-from-upgrade':
    case 'fallback-from-trial':
      return [CONFIRM]
    case 'foreign':
      return facts.startsFirst ? [REBOOT] : [DOCTOR]
    case 'upgrading':
    case 'unknown':
      return [DOCTOR]
  }
}

/** The last that was written by what failed: a login is told no more than that. */
const LINES_TOLD = 5

/** What failed in the trial that was left, and what is wrong with this boot. */
const healthLines = ({ failure, torn, faults }: RunningFacts): string[] => [
  ...(failure?.faults
    .flatMap(({ lines }) => lines)
    .slice(-LINES_TOLD)
    .map((line) => `    ${line}`) ?? []),
  ...[failure === null ? null : leftByFallback(failure)].flatMap((text) => (text === null ? [] : [`  ${text}`])),
  ...(torn === null ? [] : [`  ${tornText(torn)}`]),
  ...(faults.length === 0 ? [] : [`  This version is not healthy: ${faultsText(faults)}.`]),
]

/**
 * What a login is told, in a few lines: which version runs and why, what comes next, and the command for it. Null when the newest version runs, is confirmed
 * and boots next.
 */
export const loginMessage = (facts: RunningFacts): string | null => {
  const { why, running, next } = facts
  if (why === 'confirmed' && !isPending(facts) && facts.left === null && facts.faults.length === 0) return null
  const lines = [`belay: ${running === null ? '' : `${versionText(running)}: `}${reasonText(facts)}.`]
  // A trial whose boots are used up ends in the fallback, which its reason names already.
  if (next !== null && next.be !== running?.be && !(why === 'trial' && facts.attemptsLeft === 0)) lines.push(`  The next boot starts ${versionText(next)}.`)
  lines.push(...healthLines(facts))
  const commands = [...commandsFor(facts), ...(facts.faults.length === 0 ? [] : [HEALTH])]
  if (commands.length > 0) lines.push(columns(commands.map(([command, does]) => [`  ${command}`, does])))
  return `${lines.join('\n')}\n`
}
