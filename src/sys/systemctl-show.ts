/** A unit as `systemctl show` prints it. */
interface ShownUnit {
  readonly loadState: string
  readonly activeState: string
  readonly takesAlong: readonly string[]
  readonly triggeredBy: readonly string[]
}

/**
 * The reverse of dependencies through which a stop goes on to other units: of Requires=, Requisite=, BindsTo=, PartOf= and StopPropagatedFrom=
 * (systemd.unit(5), “Mapping of unit properties to their inverses”).
 */
const TAKES_ALONG = ['RequiredBy', 'RequisiteOf', 'BoundBy', 'ConsistsOf', 'PropagatesStopTo'] as const

/** The properties that a unit is read from. */
export const SHOWN_PROPERTIES = ['LoadState', 'ActiveState', ...TAKES_ALONG, 'TriggeredBy'] as const

const words = (value: string | undefined): string[] => (value ?? '').split(' ').filter((word) => word !== '')

/** Parse the output of `systemctl show --property=…` (systemd 252, 257): one block for each unit asked for, in that order, with an empty line between. */
export const parseShownUnits = (text: string): ShownUnit[] =>
  text
    .trim()
    .split('\n\n')
    .flatMap((block) => {
      const properties = new Map(
        block.split('\n').map((line): [string, string] => {
          const at = line.indexOf('=')
          return [line.slice(0, at), line.slice(at + 1)]
        }),
      )
      const [loadState, activeState] = [properties.get('LoadState'), properties.get('ActiveState')]
      if (loadState === undefined || activeState === undefined) return []
      const takesAlong = [...new Set(TAKES_ALONG.flatMap((property) => words(properties.get(property))))]
      return [{ loadState, activeState, takesAlong, triggeredBy: words(properties.get('TriggeredBy')) }]
    })

/** Names of the control groups in which a process lies, from /proc/PID/cgroup: systemd calls a unit's by its name. */
export const parseControlGroups = (text: string): ReadonlySet<string> =>
  new Set(text.split('\n').flatMap((line) => line.split(':').slice(2).join(':').split('/').slice(1)))
