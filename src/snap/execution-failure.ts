import { BelayError, FailedError, NotUndoneError, ToolError } from '../errors.ts'
import type { Outcome } from './journal.ts'
import type { Plan } from './plan/plan.ts'

/** What the caller of a run that did not get done is told: exit 12 or 10 where a step says so and all was undone, else exit 20. */
export const failureOf = (plan: Plan, outcome: Outcome, cause: unknown): BelayError => {
  if (outcome === 'escaped') {
    return new FailedError('upgrade-failed', `${plan.operation} failed: ${messageOf(cause)}; the machine boots the untouched version next`, {
      cause,
      rebootRequired: true,
      next: [...(cause instanceof BelayError ? cause.next : []), 'systemctl reboot'],
      data: cause instanceof BelayError ? { ...cause.data, cause: cause.code } : {},
    })
  }
  if (cause instanceof BelayError && !(cause instanceof ToolError)) return cause
  return new FailedError('failed', `${plan.operation} failed and was undone: ${messageOf(cause)}`, { cause, rebootRequired: false, next: ['belay doctor'] })
}

/** Why a run was undone, and what does not run since. */
export const andDown = (plan: Plan, cause: unknown, down: BelayError): BelayError =>
  cause instanceof BelayError && cause.code === down.code
    ? cause
    : new FailedError(down.code, `${plan.operation} failed and was undone: ${messageOf(cause)}; ${down.message}`, {
        cause,
        rebootRequired: false,
        next: down.next,
        data: down.data,
      })

export const notFinished = (plan: Plan, error: unknown): NotUndoneError =>
  new NotUndoneError(`${plan.operation} took effect, but finishing it failed: ${messageOf(error)}`, {
    cause: error,
    next: ['belay doctor --fix'],
    data: { plan: plan.id },
  })

export const messageOf = (error: unknown): string => (error instanceof BelayError || error instanceof Error ? error.message : String(error))
