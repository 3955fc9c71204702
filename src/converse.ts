import { createInterface } from 'node:readline/promises'
import { RefusedError } from './errors.ts'
import { outputMayBeLost } from './output-errors.ts'
import type { Conversation } from './operations/run-operation.ts'
import type { Plan } from './snap/plan/plan.ts'
import { planText } from './view/plan-text.ts'
import { listProgress, plainProgress, silentProgress } from './view/progress.ts'

interface ConverseOptions {
  readonly plan: boolean
  readonly yes: boolean
  readonly json: boolean
  /** Ask even though the operation destroys nothing: it changes what the machine starts or runs. */
  readonly asks: boolean
}

/** Columns that a list with progress bars needs; a serial console that does not tell its width has 0. */
const NARROWEST = 60

/** A question needs somebody who can answer. @throws RefusedError without a terminal, or when the answer is no. */
const approve = async (plan: Plan, options: ConverseOptions, signal: AbortSignal): Promise<void> => {
  if (options.yes || !options.asks) return
  if (options.json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new RefusedError('needs-yes', `belay ${plan.operation} asks before it goes on, and there is no terminal to answer at`, {
      next: [`belay ${plan.operation} --yes`, `belay ${plan.operation} --plan   (to see what it would do)`],
    })
  }
  process.stderr.write(planText(plan))
  if (!/^y(?:es)?$/i.test((await answerTo('\nGo on? [y/N] ', signal)).trim())) throw new RefusedError('declined', 'nothing was changed', {})
}

/** Ctrl-C, the end of input and a signal close the question without an answer: that is no. */
const answerTo = async (question: string, signal: AbortSignal): Promise<string> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => {
      resolve('')
    })
  })
  terminal.once('SIGINT', () => {
    terminal.close()
  })
  try {
    return await Promise.race([terminal.question(question, { signal }).catch(() => ''), closed])
  } finally {
    terminal.close()
  }
}

/** A conversation on this process's terminal, and the end of it: everything drawn, signals given back. */
export const converse = async (options: ConverseOptions): Promise<{ readonly conversation: Conversation; readonly end: () => Promise<void> }> => {
  const progress =
    options.json || options.plan
      ? silentProgress
      : process.stdout.isTTY && process.stdout.columns >= NARROWEST
        ? await listProgress(process.stdout)
        : plainProgress(process.stdout)
  const interrupted = new AbortController()
  const onSignal = (): void => {
    if (!interrupted.signal.aborted) process.stderr.write('\nStopping at the next safe point …\n')
    interrupted.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  // What a plan says, or an examination, is what it was asked for.
  if (!options.plan) outputMayBeLost()
  return {
    conversation: {
      planOnly: options.plan,
      approve: (plan) => approve(plan, options, interrupted.signal),
      onEvent: (event, plan) => {
        progress.onEvent(event, plan)
      },
      signal: interrupted.signal,
    },
    end: async () => {
      await progress.end()
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal)
    },
  }
}
