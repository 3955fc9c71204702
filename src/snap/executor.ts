import { BelayError, ChangedError, FailedError, NoSpaceError, NotUndoneError } from '../errors.ts'
import type { Clock, Log } from '../sys/ports.ts'
import { andDown, failureOf, messageOf, notFinished } from './execution-failure.ts'
import type { FaultPoints } from './fault-points.ts'
import type { Journal, JournalDirectory, JournalRecord, Outcome } from './journal.ts'
import { nextBoot } from '../boot/boot-choice.ts'
import { type Basis, type Plan, positionOf } from './plan/plan.ts'
import type { Step, StepKind, StepOf } from './plan/step.ts'

/** Results of the steps that were applied so far, by step id. */
export type Results = ReadonlyMap<string, unknown>

export interface StepRun {
  readonly results: Results
  /** Aborted when the operator interrupts; only long steps look at it. */
  readonly signal: AbortSignal
  /** Fraction 0 to 1 and a line of text, for a progress bar. */
  readonly progress: (fraction: number, text: string) => void
}

/**
 * How one kind of step is done. `apply` must be idempotent (a resumed run applies again), `undo` must be right whether apply was
 * not begun, cut anywhere, or complete. `isApplied` is needed of kinds that can be a commit point.
 */
export interface Effect<Kind extends StepKind> {
  apply(step: StepOf<Kind>, run: StepRun): Promise<unknown>
  undo(step: StepOf<Kind>, run: Pick<StepRun, 'results'>): Promise<void>
  isApplied?(step: StepOf<Kind>): Promise<boolean>
}

export type Effects = { readonly [Kind in StepKind]: Effect<Kind> }

/** Thrown by a step that failed before it changed anything that undo could not take back, although it lies at or behind the escape. */
export class UntouchedError extends Error {
  override readonly name = 'UntouchedError'
  constructor(cause: unknown) {
    super('nothing was changed', { cause })
  }
}

/** Somebody pressed Ctrl-C or sent a termination signal. */
class InterruptedError extends FailedError {
  constructor() {
    super('interrupted', 'interrupted', { rebootRequired: false })
  }
}

export type ExecutionEvent =
  | { readonly event: 'step-begun' | 'step-applied' | 'step-undone'; readonly step: Step }
  | { readonly event: 'progress'; readonly step: Step; readonly fraction: number; readonly text: string }
  | { readonly event: 'undoing'; readonly error: unknown }
  | { readonly event: 'ended'; readonly outcome: Outcome }

export interface Execution {
  readonly outcome: Outcome
  readonly results: Results
  /** Why it was undone or escaped; null when done. */
  readonly error: unknown
  /** What was to be destroyed and was not, in sentences. */
  readonly stays: readonly string[]
}

interface ExecutorPorts {
  readonly effects: Effects
  readonly journals: JournalDirectory
  readonly readBasis: () => Promise<Basis>
  readonly faults: FaultPoints
  readonly clock: Clock
  readonly log: Log
  readonly owner: { readonly pid: number; readonly startTime: string }
  readonly signal: AbortSignal
  /** Called with the plan before its first event. */
  readonly onPlan: (plan: Plan) => void
  readonly onEvent: (event: ExecutionEvent) => void
  /** Called when the run ended and before its journal is closed: the audit record. */
  readonly onEnded: (plan: Plan, outcome: Outcome, error: unknown) => Promise<void>
  /** Give the space reserve back to the filesystems; an undo that met a full disk is then tried once more. */
  readonly releaseReserve: () => Promise<void>
}

const sameBasis = (a: Basis, b: Basis): boolean => JSON.stringify([a.revision, a.choice, a.running]) === JSON.stringify([b.revision, b.choice, b.running])

/** Whether the machine was started since as what a choice says. GRUB takes `once` from it then, so that the choice is not what was written. */
const wasStarted = (plan: Plan, step: Step, now: Basis): boolean =>
  step.kind === 'choice.write' && now.running !== plan.basis.running && now.running === nextBoot(step.to).be

/** What a deletion destroys after its commit point. */
const mayStay = (step: Step): boolean =>
  step.kind === 'boot-set.remove' || step.kind === 'be.destroy' || step.kind === 'generation.destroy' || step.kind === 'data.destroy'

/** What an undo may leave behind, and say: a unit that does not start any more must not keep later operations, which may be its cure, from running. */
const mayStayDown = (step: Step, error: unknown): error is BelayError => step.kind === 'units.stop' && error instanceof BelayError

/** Runs plans: journals each step before and after, undoes in reverse before the commit point, resumes after it. It decides nothing else. */
export class Executor {
  readonly #ports: ExecutorPorts

  constructor(ports: ExecutorPorts) {
    this.#ports = ports
  }

  /**
   * @throws ChangedError when the basis is not the plan's; FailedError when undone or armed to be undone by the next boot; NotUndoneError otherwise.
   */
  async execute(plan: Plan): Promise<Execution> {
    this.#ports.onPlan(plan)
    const now = await this.#ports.readBasis()
    if (!sameBasis(now, plan.basis))
      throw new ChangedError('the machine changed since the plan was made', { next: ['make the plan again'], data: { planned: plan.basis, now } })
    const journal = await this.#ports.journals.open(plan, this.#ports.owner)
    await this.#ports.faults.reach('plan.opened')
    const execution = await this.#run(plan, journal, 0, new Map())
    if (execution.outcome !== 'done') throw failureOf(plan, execution.outcome, execution.error)
    return execution
  }

  /** Bring a run that died to an end: undo it, escape, or finish it. */
  async recover(record: JournalRecord, journal: Journal): Promise<Execution> {
    const { plan } = record
    this.#ports.onPlan(plan)
    const results = new Map(record.results)
    if (record.ended !== null) {
      await this.#ports.onEnded(plan, record.ended, null)
      await journal.close()
      return { outcome: record.ended, results, error: null, stays: [] }
    }
    this.#ports.log.warn('an operation was interrupted; bringing it to an end', { plan: plan.id, operation: plan.operation })
    const interrupted = new FailedError('interrupted', `${plan.operation} was interrupted`, { rebootRequired: false })
    if (record.escaping) return this.#escape(plan, journal, results, interrupted)
    const last = Math.max(-1, ...record.begun)
    const commit = plan.commit === null ? -1 : positionOf(plan, plan.commit)
    const commitStep = plan.steps[commit]
    if (last > commit) return this.#run(plan, journal, last, results)
    const now = await this.#ports.readBasis()
    if (
      last === commit &&
      commitStep !== undefined &&
      (results.has(commitStep.id) || wasStarted(plan, commitStep, now) || (await this.#isApplied(commitStep)))
    ) {
      // A choice that is in force is not written again: GRUB may have taken from it since.
      return this.#run(plan, journal, commitStep.kind === 'choice.write' ? commit + 1 : commit, results)
    }
    const resume = plan.escape?.resume
    if (resume !== undefined && last >= positionOf(plan, resume) && last < commit && now.running === plan.basis.running)
      return this.#run(plan, journal, last, results)
    const armed =
      plan.escape === null
        ? undefined
        : plan.steps.slice(0, Math.min(last + 1, positionOf(plan, plan.escape.from))).find((step) => step.kind === 'choice.write')
    // The power failed while the standby was armed, and it is what runs now: it cannot be taken back from under itself.
    if (armed !== undefined && wasStarted(plan, armed, now)) return this.#escape(plan, journal, results, interrupted)
    return this.#takeBack(plan, journal, last, results, interrupted)
  }

  async #run(plan: Plan, journal: Journal, from: number, results: Map<string, unknown>): Promise<Execution> {
    const { onEvent, signal } = this.#ports
    const commit = plan.commit === null ? -1 : positionOf(plan, plan.commit)
    const stays: string[] = []
    for (const [position, step] of plan.steps.entries()) {
      if (position < from) continue
      try {
        if (signal.aborted && position <= commit) throw new UntouchedError(new InterruptedError())
        const work = () => this.#step(step, position, journal, results)
        // Behind the commit point the only way is to the end.
        await (position > commit ? this.#withRoom(work) : work())
        onEvent({ event: 'step-applied', step })
      } catch (error) {
        if (position > commit && mayStay(step) && error instanceof BelayError) {
          // Nothing offers it any more; that it cannot be destroyed now must not keep the rest, or later operations, from running. The index remembers it.
          this.#ports.log.warn('something stays that was to be destroyed', { step: step.id, why: error.message })
          stays.push(`${step.why} could not be done: ${error.message}${error.next.length > 0 ? ` (${error.next.join('; ')})` : ''}`)
          continue
        }
        if (position > commit) throw notFinished(plan, error)
        if (position === commit && (await this.#isApplied(step))) throw notFinished(plan, error)
        return await this.#takeBack(plan, journal, position, results, error)
      }
    }
    return this.#end(plan, journal, 'done', null, results, stays)
  }

  async #step(step: Step, position: number, journal: Journal, results: Map<string, unknown>): Promise<void> {
    const { faults, onEvent, signal } = this.#ports
    await journal.write({ begun: position })
    await faults.reach(`${step.id}.begun`)
    onEvent({ event: 'step-begun', step })
    const result = await this.#apply(step, {
      results,
      signal,
      progress: (fraction, text) => {
        onEvent({ event: 'progress', step, fraction, text })
      },
    })
    await faults.reach(`${step.id}.applied`)
    results.set(step.id, result)
    journal.defer({ applied: position, result: result ?? null })
  }

  /** Undo from a position down to the first step, or escape when undo is no longer possible. Always throws unless recovery asked for it. */
  async #takeBack(plan: Plan, journal: Journal, position: number, results: Map<string, unknown>, error: unknown): Promise<Execution> {
    const { onEvent } = this.#ports
    onEvent({ event: 'undoing', error })
    const escapeFrom = plan.escape === null ? Number.POSITIVE_INFINITY : positionOf(plan, plan.escape.from)
    const untouched = error instanceof UntouchedError && position === escapeFrom
    const cause = error instanceof UntouchedError ? error.cause : error
    const floor = position >= escapeFrom && !untouched ? escapeFrom : -1
    let down: BelayError | null = null
    for (let at = position; at > floor; at -= 1) {
      const step = plan.steps[at]
      if (step === undefined) continue
      if (floor >= 0 && step.kind === 'packages.apply') continue
      try {
        down = (await this.#undoOrLeaveDown(step, results)) ?? down
        results.delete(step.id)
        await this.#withRoom(() => journal.write({ undone: at }))
      } catch (undoError) {
        throw new NotUndoneError(`${plan.operation} failed (${messageOf(cause)}), and undoing "${step.why}" failed too: ${messageOf(undoError)}`, {
          cause: undoError,
          next: ['belay doctor --fix'],
          data: { plan: plan.id, step: step.id },
        })
      }
      onEvent({ event: 'step-undone', step })
    }
    if (floor >= 0) return this.#escape(plan, journal, results, cause)
    return this.#end(plan, journal, 'undone', down === null ? cause : andDown(plan, cause, down), results)
  }

  /** @returns what an undo left behind, for which it need not be repeated */
  async #undoOrLeaveDown(step: Step, results: Results): Promise<BelayError | null> {
    try {
      await this.#withRoom(() => this.#undo(step, results))
      return null
    } catch (error) {
      if (!mayStayDown(step, error)) throw error
      this.#ports.log.error('what was stopped does not run again', { step: step.id, why: error.message })
      return error
    }
  }

  async #escape(plan: Plan, journal: Journal, results: Map<string, unknown>, error: unknown): Promise<Execution> {
    try {
      await this.#withRoom(() => journal.write({ escaping: true }))
      for (const step of plan.escape?.steps ?? []) {
        await this.#ports.faults.reach(`${step.id}.begun`)
        await this.#withRoom(() => this.#apply(step, { results, signal: new AbortController().signal, progress: () => undefined }))
        await this.#ports.faults.reach(`${step.id}.applied`)
      }
    } catch (escapeError) {
      throw new NotUndoneError(
        `${plan.operation} failed (${messageOf(error)}); GRUB starts the untouched version next, but that could not be recorded: ${messageOf(escapeError)}`,
        { cause: escapeError, next: ['belay doctor --fix'], data: { plan: plan.id } },
      )
    }
    return this.#end(plan, journal, 'escaped', error, results)
  }

  async #end(plan: Plan, journal: Journal, outcome: Outcome, error: unknown, results: Results, stays: readonly string[] = []): Promise<Execution> {
    await this.#record(plan, outcome, () => journal.write({ ended: outcome, error: error === null ? null : messageOf(error) }))
    await this.#ports.faults.reach('plan.ended')
    await this.#record(plan, outcome, async () => {
      await this.#ports.onEnded(plan, outcome, error)
      await journal.close()
    })
    await this.#ports.faults.reach('plan.closed')
    this.#ports.onEvent({ event: 'ended', outcome })
    return { outcome, results, error, stays }
  }

  /** A run whose end cannot be written down is not at its end for the next command. */
  async #record(plan: Plan, outcome: Outcome, work: () => Promise<void>): Promise<void> {
    try {
      await this.#withRoom(work)
    } catch (error) {
      throw new NotUndoneError(`${plan.operation} is ${outcome}, but that could not be recorded: ${messageOf(error)}`, {
        cause: error,
        next: ['belay doctor --fix'],
        data: { plan: plan.id, outcome },
      })
    }
  }

  /** For what has to succeed on a full disk too: the space that is held back makes room for a second try. */
  async #withRoom(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof NoSpaceError)) throw error
      await this.#ports.releaseReserve()
      await work()
    }
  }

  #apply(step: Step, run: StepRun): Promise<unknown> {
    return (this.#ports.effects[step.kind] as Effect<StepKind>).apply(step, run)
  }

  #undo(step: Step, results: Results): Promise<void> {
    return (this.#ports.effects[step.kind] as Effect<StepKind>).undo(step, { results })
  }

  async #isApplied(step: Step): Promise<boolean> {
    const effect = this.#ports.effects[step.kind] as Effect<StepKind>
    return effect.isApplied === undefined ? false : effect.isApplied(step)
  }
}
