/** A process as /proc tells of it. */
export interface Ancestor {
  readonly pid: number
  readonly startTime: string
  /** Name of its program, of which the kernel keeps 15 characters. */
  readonly name: string
  readonly command: readonly string[]
}

/** The program on whose behalf packages are changed. */
export interface AptOwner {
  readonly pid: number
  readonly startTime: string
  /** What ends with its work: the process, or dpkg's lock where the process is a service that stays. */
  readonly until: 'process' | 'lock'
}

/** Programs that run apt's library, by name. All others are known by dpkg's lock, which they hold. */
const FRONT_ENDS: Readonly<Record<string, AptOwner['until']>> = {
  apt: 'process',
  'apt-get': 'process',
  aptitude: 'process',
  'aptitude-curses': 'process',
  synaptic: 'process',
  'unattended-upgr': 'process',
  'unattended-upgrade': 'process',
  packagekitd: 'lock',
  aptd: 'lock',
}

/** A script has its interpreter's name when that was started with the script as an argument. */
const namesOf = ({ name, command }: Ancestor): string[] => {
  const script = /^python3?/.test(name) ? command.slice(1).find((word) => !word.startsWith('-')) : undefined
  return [name, ...(script === undefined ? [] : [script.slice(script.lastIndexOf('/') + 1)])]
}

const untilOf = (process: Ancestor): AptOwner['until'] | null =>
  namesOf(process)
    .map((name) => FRONT_ENDS[name])
    .find((until) => until !== undefined) ?? null

/**
 * The nearest front end above apt's hook. It may have made a copy of itself for each dpkg run (python-apt, packagekitd): the original is the one that lasts.
 * @param ancestors of the hook, the nearest first
 * @param lockHolder process that holds dpkg's lock
 */
export const findAptOwner = (ancestors: readonly Ancestor[], lockHolder: number | null): AptOwner | null => {
  const nearest = ancestors.findIndex((process) => untilOf(process) !== null)
  const found = ancestors[nearest]
  if (found === undefined) {
    const holder = ancestors.find(({ pid }) => pid === lockHolder)
    return holder === undefined ? null : { pid: holder.pid, startTime: holder.startTime, until: 'process' }
  }
  const above = ancestors.slice(nearest)
  const other = above.findIndex(({ name }) => name !== found.name)
  const original = above[(other === -1 ? above.length : other) - 1] ?? found
  return { pid: original.pid, startTime: original.startTime, until: untilOf(found) ?? 'process' }
}
