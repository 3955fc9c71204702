import type { Plan } from '../snap/plan/plan.ts'

/** A plan for people: what it leads to, what was checked, each step with its reason, and from where on it is done. */
export const planText = (plan: Plan): string => {
  const lines = [`${plan.operation}: ${plan.summary}`, '']
  for (const check of plan.checks) lines.push(`  checked  ${check.name}: ${check.detail}`)
  for (const notice of plan.notices) lines.push(`  note     ${notice}`)
  if (plan.checks.length + plan.notices.length > 0) lines.push('')
  for (const [position, step] of plan.steps.entries()) {
    lines.push(`  ${String(position + 1).padStart(2)}. ${step.why}`)
    if (step.id === plan.escape?.from) lines.push('      (from here on, undo means booting the untouched version)')
    if (step.id === plan.commit) lines.push('      (from here on it is done; before, every failure is undone)')
  }
  if (plan.steps.length === 0) lines.push('  nothing to do')
  return `${lines.join('\n')}\n`
}
