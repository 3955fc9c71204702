import type { OperationReport } from '../operations/operation-report.ts'
import { bytes } from './columns.ts'

/** How an interrupted run ended, for people. */
const OUTCOMES: Readonly<Record<string, string>> = { done: 'finished', undone: 'undone', escaped: 'left to the next boot, which starts the untouched version' }

/** What a mutating command says at its end. */
export const outcomeText = (report: OperationReport): string => {
  const lines = report.recovered.map((run) => `An interrupted ${run.operation} was brought to an end first: ${OUTCOMES[run.outcome] ?? run.outcome}.`)
  if (!report.executed) return `${[...lines, ...(report.plan.notices.length > 0 ? report.plan.notices : ['Nothing to do.'])].join('\n')}\n`
  lines.push(`Done: ${report.summary}.`)
  for (const notice of report.plan.notices) lines.push(`Note: ${notice}.`)
  if (report.freedBytes !== null) lines.push(`Freed on the pool: ${bytes(report.freedBytes)}.`)
  if (report.quiesced !== null) lines.push(`Stopped for ${report.quiesced.seconds.toFixed(1)} seconds: ${report.quiesced.units.join(', ')}.`)
  for (const decision of report.decisions) lines.push(`Decided: ${decision.subject}: ${decision.answer} (${decision.why}).`)
  if (report.rebootRequired) lines.push('A reboot is needed: systemctl reboot')
  return `${lines.join('\n')}\n`
}
