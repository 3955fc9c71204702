import { FailedError, RefusedError, ToolError } from '../errors.ts'
import type { Files, Runner, UnitState, Units } from './ports.ts'
import { SHOWN_PROPERTIES, parseControlGroups, parseShownUnits } from './systemctl-show.ts'

const SYSTEMCTL = '/usr/bin/systemctl'
/** It is there when systemd is what the machine was booted with: sd_booted(3). */
const BOOTED_WITH_SYSTEMD = '/run/systemd/system'
const OWN_CONTROL_GROUPS = '/proc/self/cgroup'
/** A unit may take as long to stop and to start as it likes; a restore point does not wait longer than this for it. */
const LONGEST_WAIT_MS = 600_000
/** ActiveState of org.freedesktop.systemd1(5); what is not in it is idle. */
const STATES: Readonly<Record<string, UnitState['state']>> = {
  active: 'running',
  activating: 'running',
  reloading: 'running',
  refreshing: 'running',
  deactivating: 'stopping',
}

/** A service that restarts itself over and over is never `failed` for long, and is in one of these between; the last is of systemd 254 and newer. */
const RESTARTING_STATES = ['auto-restart', 'auto-restart-queued']
/** Restarts after which it counts as failed. systemd counts one as it begins: a service in its first pause has none, and may only have waited for another. */
const RESTARTS_OF_FAILED = 2

const noSystemd = (why: string): RefusedError =>
  new RefusedError('units/no-systemd', `units cannot be stopped here: ${why}`, { next: ['run the command on the running machine', 'leave --quiesce out'] })

/** How a unit is looked into. */
const lookInto = (name: string): string[] => [`systemctl status -- ${name}`, `journalctl --unit=${name}`]

const reasonOf = (error: ToolError): string => {
  const [first = ''] = error.stderr.trim().split('\n')
  return first === '' ? 'systemctl gave no reason' : first
}

/** Units of systemd, through systemctl. */
export const createSystemdUnits = ({ files, runner }: { readonly files: Files; readonly runner: Runner }): Units => {
  const show = async (names: readonly string[]) => {
    if ((await files.stat(BOOTED_WITH_SYSTEMD)) === null) throw noSystemd('this machine was not started with systemd')
    const { stdout } = await runner.run(SYSTEMCTL, ['show', `--property=${SHOWN_PROPERTIES.join(',')}`, '--', ...names])
    const shown = parseShownUnits(stdout)
    // In a chroot systemctl ignores what it is asked, and ends well (systemd 252).
    if (shown.length !== names.length) throw noSystemd('systemctl does not say how they are, as in a chroot')
    return shown.map((unit, position) => ({ ...unit, name: names[position] ?? '', state: STATES[unit.activeState] ?? ('idle' as const) }))
  }

  /** Those of these services that were restarted again and again. */
  const restartedOver = async (names: readonly string[]): Promise<string[]> => {
    if (names.length === 0) return []
    const { stdout } = await runner.run(SYSTEMCTL, ['show', '--property=NRestarts', '--value', '--', ...names])
    // One value for each, with an empty line between (systemd 252, 257).
    const counts = stdout.trim().split(/\n+/).map(Number)
    return names.filter((_, position) => (counts[position] ?? 0) >= RESTARTS_OF_FAILED)
  }

  return {
    async states(names) {
      const [shown, groups] = [await show(names), parseControlGroups(await files.readText(OWN_CONTROL_GROUPS))]
      return shown.map(({ name, loadState, state, takesAlong }): UnitState => ({
        name,
        known: loadState !== 'not-found',
        state,
        takesAlong,
        ours: groups.has(name),
      }))
    },
    async stop(names, signal) {
      const failed = (sentence: string, units: readonly string[], cause?: unknown): FailedError =>
        new FailedError('units/stop', sentence, { rebootRequired: false, next: units.slice(0, 1).flatMap(lookInto), data: { units }, cause })
      try {
        await runner.stream(SYSTEMCTL, ['stop', '--', ...names], { signal, ownGroup: true, timeoutMs: LONGEST_WAIT_MS })
      } catch (error) {
        if (signal.aborted) throw new FailedError('interrupted', `stopping ${names.join(', ')} was interrupted`, { rebootRequired: false })
        if (error instanceof ToolError) throw failed(`${names.join(', ')} did not stop: ${reasonOf(error)}`, names, error)
        throw error
      }
      const still = (await show(names)).filter((unit) => unit.state !== 'idle')
      const triggers = still.flatMap((unit) => unit.triggeredBy)
      if (still.length > 0) {
        const triggered = triggers.length === 0 ? '' : `; ${triggers.join(', ')} can start it, and belongs into quiesce too`
        const running = still.map(({ name }) => name)
        throw failed(`running again after it was stopped: ${running.join(', ')}${triggered}`, running)
      }
    },
    async letStop(name) {
      await runner.run(SYSTEMCTL, ['stop', '--no-block', '--', name])
    },
    async failed() {
      const states = ['failed', ...RESTARTING_STATES].join(',')
      const { stdout } = await runner.run(SYSTEMCTL, ['list-units', '--all', '--full', '--plain', '--no-legend', `--state=${states}`])
      // UNIT LOAD ACTIVE SUB DESCRIPTION.
      const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/))
      const inPause = (sub: string | undefined): boolean => RESTARTING_STATES.some((state) => state === sub)
      const failed = rows.flatMap(([name = '', , , sub]) => (name === '' || inPause(sub) ? [] : [name]))
      const restarting = rows.flatMap(([name = '', , , sub]) => (inPause(sub) ? [name] : []))
      return [...failed, ...(await restartedOver(restarting))].toSorted()
    },
    async inactive(names) {
      if (names.length === 0) return []
      const { stdout } = await runner.run(SYSTEMCTL, ['is-active', '--', ...names], { expect: [0, 1, 2, 3, 4] })
      const states = stdout.trim().split('\n')
      return names.filter((_, position) => states[position] !== 'active')
    },
    async requirementsOf(name) {
      const { stdout } = await runner.run(SYSTEMCTL, ['show', '--property=Requires', '--value', '--', name])
      return stdout
        .trim()
        .split(' ')
        .filter((unit) => unit !== '')
    },
    async underWay() {
      const { stdout } = await runner.run(SYSTEMCTL, ['list-jobs', '--full', '--plain', '--no-legend'])
      return stdout.split('\n').flatMap((line) => line.trim().split(/\s+/)[1] ?? [])
    },
    async start(names) {
      try {
        await runner.run(SYSTEMCTL, ['start', '--', ...names], { timeoutMs: LONGEST_WAIT_MS })
      } catch (error) {
        if (!(error instanceof ToolError)) throw error
        const down = (await show(names)).filter((unit) => unit.state !== 'running').map(({ name }) => name)
        const units = down.length === 0 ? names : down
        throw new FailedError('units/start', `${units.join(', ')} did not start again: ${reasonOf(error)}`, {
          rebootRequired: false,
          next: [...units.slice(0, 1).flatMap(lookInto), `systemctl start -- ${units.join(' ')}`],
          data: { units },
          cause: error,
        })
      }
    },
  }
}
