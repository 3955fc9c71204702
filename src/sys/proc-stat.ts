interface ProcStat {
  /** One letter, field 3 of proc_pid_stat(5): `Z` and `X` are processes that ended. */
  readonly state: string
  /** Clock ticks since boot, field 22. */
  readonly startTime: string
}

/**
 * Parse /proc/PID/stat (proc_pid_stat(5)). Field 2 is the name in parentheses and may itself hold spaces and parentheses,
 * so fields are counted from the last closing one. Null when the text is not of that form.
 */
export function parseProcStat(text: string): ProcStat | null {
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/)
  const state = fields[0]
  const startTime = fields[19]
  if (!text.includes(')') || state === undefined || startTime === undefined || !/^[0-9]+$/.test(startTime)) return null
  return { state, startTime }
}
