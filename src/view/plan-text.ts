import type { Plan } from '../snap/plan/plan.ts'
import { bytes, columns } from './columns.ts'

/** Why each generation stays or goes. */
const retentionText = (verdicts: NonNullable<Plan['retention']>): string =>
  columns([
    ['  VERSION', '', 'FREES', 'RULE', 'WHY'],
    ...verdicts.map(({ generation, be, goes, code, why, bytes: held }) => [
      `  ${be ?? String(generation)}`,
      goes ? 'goes' : 'stays',
      held === null ? '-' : `≥ ${bytes(held)}`,
      code,
      why,
    ]),
  ])

/** A plan for people: what it leads to, what was checked, each step with its reason, and from where on it is done. */
export const planText = (plan: Plan): string => {
  const lines = [`${plan.operation}: ${plan.summary}`, '']
  for (const check of plan.checks) lines.push(`  checked  ${check.name}: ${check.detail}`)
  for (const notice of plan.notices) lines.push(`  note     ${notice}`)
  if (plan.checks.length + plan.notices.length > 0) lines.push('')
  if (plan.retention !== undefined) lines.push(retentionText(plan.retention), '')
  for (const [position, step] of plan.steps.entries()) {
    lines.push(`  ${String(position + 1).padStart(2)}. ${step.why}`)
    if (step.id === plan.escape?.from) lines.push('      (from here on, undo means booting the untouched version)')
    if (step.id === plan.commit) lines.push('      (from here on it is done; before, every failure is undone)')
  }
  if (plan.steps.length === 0) lines.push('  nothing to do')
  return `${lines.join('\n')}\n`
}
