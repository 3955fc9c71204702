/** One package in the output of `apt-get --simulate`. */
export interface SimulatedChange {
  readonly name: string
  /** Null where apt does not print it: removals of the native architecture. */
  readonly arch: string | null
  readonly from: string | null
  readonly to: string | null
  readonly downgrade: boolean
}

export interface SimulationOutput {
  readonly changes: readonly SimulatedChange[]
  readonly keptBack: readonly string[]
}

/** `Inst name [old] (new archive [arch]) [unresolved]` */
const INSTALL = /^Inst ([^ :]+)(?::\S+)?(?: \[([^\]]+)\])? \((\S+) .*?\[([a-z0-9-]+)\]\)/
/** `Remv name [old]`, `Purg name [old]`; a foreign architecture is part of the name. */
const REMOVE = /^(?:Remv|Purg) ([^ :]+)(?::([a-z0-9-]+))? \[([^\]]+)\]/

/** Headings of the lists that are wanted (apt 2.6 and 3.0, apt-private/private-output.cc); names follow on indented lines. */
const HEADINGS: readonly (readonly [RegExp, 'kept' | 'downgraded'])[] = [
  [/^The following packages have been kept back:$/, 'kept'],
  [/^The following upgrades have been deferred due to phasing:$/, 'kept'],
  [/^The following packages will be DOWNGRADED:$/, 'downgraded'],
]

/** What apt-get said that it would do, in its order. */
export const parseSimulation = (text: string): SimulationOutput => {
  const lists = { kept: new Set<string>(), downgraded: new Set<string>() }
  let list: Set<string> | null = null
  const found = new Map<string, Omit<SimulatedChange, 'downgrade'>>()
  for (const line of text.split('\n')) {
    if (line.startsWith('  ') && list !== null) {
      for (const name of line.trim().split(/\s+/)) list.add(name)
      continue
    }
    const heading = HEADINGS.find(([pattern]) => pattern.test(line))
    list = heading === undefined ? null : lists[heading[1]]
    const [, name, from = null, to, arch] = INSTALL.exec(line) ?? []
    if (name !== undefined && to !== undefined && arch !== undefined) {
      found.set(`${name}:${arch}`, { name, arch, from, to })
      continue
    }
    const [, gone, foreign = null, old = null] = REMOVE.exec(line) ?? []
    if (gone !== undefined) found.set(`${gone}:${foreign ?? ''}-`, { name: gone, arch: foreign, from: old, to: null })
  }
  // apt removes a package for a moment to break a loop of conflicts and installs it again.
  const installed = new Set([...found.values()].filter(({ to }) => to !== null).map(({ name }) => name))
  const changes = [...found.values()].filter(({ name, arch, to }) => to !== null || arch !== null || !installed.has(name))
  return { changes: changes.map((change) => ({ ...change, downgrade: lists.downgraded.has(change.name) })), keptBack: [...lists.kept] }
}
