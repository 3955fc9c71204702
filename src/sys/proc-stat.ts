interface ProcStat {
  /** The program's name, of which the kernel keeps 15 characters. */
  readonly name: string
  /** One letter, field 3 of proc_pid_stat(5): `Z` and `X` are processes that ended. */
  readonly state: string
  /** Process id of the parent, field 4; 0 for the first process. */
  readonly parent: number
  /** Clock ticks since boot, field 22. */
  readonly startTime: string
}

/**
 * Parse /proc/PID/stat (proc_pid_stat(5)). Field 2 is the name in parentheses and may itself hold spaces and parentheses,
 * so fields are counted from the last closing one. Null when the text is not of that form.
 */
export function parseProcStat(text: string): ProcStat | null {
  const end = text.lastIndexOf(')')
  const fields = text
    .slice(end + 1)
    .trim()
    .split(/\s+/)
  const [state, parent] = fields
  const startTime = fields[19]
  if (end === -1 || state === undefined || parent === undefined || startTime === undefined || !/^[0-9]+$/.test(startTime)) return null
  return { name: text.slice(text.indexOf('(') + 1, end), state, parent: Number(parent), startTime }
}
