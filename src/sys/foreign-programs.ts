import { ToolError } from '../errors.ts'
import type { ForeignPrograms, ProgramEnd, Runner } from './ports.ts'

/** It runs the program in a process group of its own and ends that whole group (coreutils 9.1). */
const TIMEOUT = '/usr/bin/timeout'
/** Seconds that a program has to end by itself when its time is over. */
const GRACE = 5
/** Statuses of timeout(1): the time was over, and the program had to be killed. */
const OVER = 124
const KILLED = 137
/** Of a shell and of timeout(1): the program cannot be started, or is not there. */
const NOT_STARTED = [125, 126, 127]

/** Programs run below a time limit, through timeout(1). */
export const createForeignPrograms = (runner: Runner): ForeignPrograms => ({
  async run(program, { seconds, lines: kept }) {
    const lines: string[] = []
    const onLine = (line: string): void => {
      lines.push(line)
      if (lines.length > kept) lines.shift()
    }
    const ended = (status: number | null): ProgramEnd => {
      const late = status === OVER || status === KILLED
      return { status: late || NOT_STARTED.includes(status ?? 0) ? null : status, late, lines }
    }
    try {
      const { status } = await runner.stream(TIMEOUT, [`--kill-after=${String(GRACE)}`, String(seconds), program], { onLine, cwd: '/' })
      return ended(status)
    } catch (error) {
      if (error instanceof ToolError) return ended(error.status)
      throw error
    }
  },
})
