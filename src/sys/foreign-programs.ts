import { ToolError } from '../errors.ts'
import type { ForeignPrograms, ProgramEnd, Runner } from './ports.ts'

/** It runs the program in a process group of its own and ends that whole group (coreutils 9.1). */
const TIMEOUT = '/usr/bin/timeout'
/** Seconds that a program has to end by itself when its time is over. */
const GRACE = 5
/** Status of timeout(1) when the time was over. Where it had to kill, it was of the group itself and has none. */
const OVER = 124
/** Those for a program that cannot be started or is not there, and for one that somebody killed (128 and the signal). */
const NO_STATUS = [125, 126, 127, 137]

/** Programs run below a time limit, through timeout(1). */
export const createForeignPrograms = (runner: Runner): ForeignPrograms => ({
  async run(program, { seconds, lines: kept }) {
    const lines: string[] = []
    const onLine = (line: string): void => {
      lines.push(line)
      if (lines.length > kept) lines.shift()
    }
    const ended = (status: number | null): ProgramEnd => {
      const late = status === OVER || status === null
      return { status: late || NO_STATUS.includes(status) ? null : status, late, lines }
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
