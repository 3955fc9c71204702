import type { ListrTask } from 'listr2'
import type { ExecutionEvent } from '../snap/executor.ts'
import type { Plan } from '../snap/plan/plan.ts'

/** Shows a run while it happens. */
export interface ProgressView {
  onEvent(event: ExecutionEvent, plan: Plan): void
  /** Wait until everything is drawn. */
  end(): Promise<void>
}

export const silentProgress: ProgressView = { onEvent: () => undefined, end: () => Promise.resolve() }

interface Writer {
  write(text: string): unknown
}

/** One line a step, for logs and pipes; percents only in steps of ten. */
export const plainProgress = (output: Writer): ProgressView => {
  let lastTenth = -1
  return {
    onEvent: (event) => {
      if (event.event === 'step-begun') {
        lastTenth = -1
        output.write(`- ${event.step.why}\n`)
      } else if (event.event === 'progress') {
        const tenth = Math.floor(event.fraction * 10)
        if (tenth > lastTenth) output.write(`  ${String(Math.round(event.fraction * 100)).padStart(3)} % ${event.text}\n`)
        lastTenth = Math.max(lastTenth, tenth)
      } else if (event.event === 'undoing') output.write('- failed; undoing\n')
      else if (event.event === 'step-undone') output.write(`  undone: ${event.step.why}\n`)
    },
    end: () => Promise.resolve(),
  }
}

const BAR = 24

const bar = (fraction: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR)
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${String(Math.round(fraction * 100)).padStart(3)} %`
}

interface Row {
  readonly begun: PromiseWithResolvers<unknown>
  readonly finished: PromiseWithResolvers<unknown>
  output: (text: string) => void
}

/** The steps as a list that fills, drawn by listr2. What it draws is told by events; it runs nothing. */
export const listProgress = async (output: Writer): Promise<ProgressView> => {
  const { Listr } = await import('listr2')
  let rows: Map<string, Row> | null = null
  let drawing: Promise<unknown> = Promise.resolve()
  const begin = (plan: Plan): Map<string, Row> => {
    const made = new Map<string, Row>(
      plan.steps.map((step) => [step.id, { begun: Promise.withResolvers(), finished: Promise.withResolvers(), output: () => undefined }]),
    )
    const tasks = plan.steps.map((step): ListrTask => ({
      title: step.why,
      task: async (_context, task) => {
        const row = made.get(step.id)
        if (row === undefined) return
        row.output = (text) => {
          task.output = text
        }
        await row.finished.promise
      },
      rendererOptions: { persistentOutput: false },
    }))
    drawing = new Listr(tasks, { exitOnError: true, rendererOptions: { collapseErrors: false, showErrorMessage: false }, registerSignalListeners: false })
      .run()
      .catch(() => undefined)
    return made
  }
  return {
    onEvent: (event, plan) => {
      rows ??= begin(plan)
      if (event.event === 'progress') rows.get(event.step.id)?.output(`${bar(event.fraction)} ${event.text}`)
      else if (event.event === 'step-applied') rows.get(event.step.id)?.finished.resolve(null)
      else if (event.event === 'undoing') {
        for (const row of rows.values()) {
          row.finished.promise.catch(() => undefined)
          row.finished.reject(new Error('stopped'))
        }
        void drawing.then(() => output.write('Failed; undoing:\n'))
      } else if (event.event === 'step-undone') void drawing.then(() => output.write(`  undone: ${event.step.why}\n`))
      else if (event.event === 'ended') {
        for (const row of rows.values()) row.finished.resolve(null)
        rows = null
      }
    },
    end: async () => {
      await drawing
    },
  }
}
