import { RefusedError } from '../../errors.ts'
import type { HealthFault, Index } from '../../snap/model.ts'
import { mountAt, parseMountInfo, readOnlyAt } from '../../sys/mount-table.ts'
import type { Units } from '../../sys/ports.ts'
import type { Appliance } from '../appliance.ts'
import { readIndexIfReadable, readRunning, readRunningByPlace } from '../read-planning-state.ts'
import { hasDefaultRoute } from './default-route.ts'
import type { HealthCheck } from './health-check.ts'
import { runHealthPrograms } from './health-programs.ts'

/** What a boot must have reached for it to be a good one: systemd.special(7). */
export const BOOT_COMPLETE = 'boot-complete.target'
/** Lines of its journal that are kept of each unit that failed. */
const LINES_OF_UNIT = 5
/** As many of them. */
const UNITS_QUOTED = 5
/** The gate would wait for itself; what fails of belay's other units is doctor's to tell. */
const isOwn = (unit: string): boolean => /^belay-[a-z-]+\.(?:service|timer)$/.test(unit)

const verdict = (check: string, faults: string, well: string, lines: readonly string[] = []): HealthCheck => ({
  check,
  healthy: faults === '',
  text: faults === '' ? well : faults,
  lines: faults === '' ? [] : [...lines],
})

/** The units that this machine has; a refusal where it has none to ask. @throws RefusedError */
export const unitsOf = ({ units }: Pick<Appliance, 'units'>): Units => {
  if (units === null)
    throw new RefusedError('not-running', 'the appliance is mounted at a directory, not running: it has no health', { next: ['leave --root out'] })
  return units
}

const journalOf = async ({ systemJournal }: Pick<Appliance, 'systemJournal'>, units: readonly string[]): Promise<string[]> => {
  const quoted: string[] = []
  for (const unit of units.slice(0, UNITS_QUOTED))
    for (const line of (await systemJournal?.lastLines(unit, LINES_OF_UNIT)) ?? []) quoted.push(`${unit}: ${line}`)
  return quoted
}

/**
 * Units that have failed: those that had not in the last boot of a confirmed version, and those without which no boot is a good one.
 * @param index null where it cannot be read
 */
export const checkUnits = async (appliance: Appliance, index: Index | null): Promise<HealthCheck[]> => {
  const units = unitsOf(appliance)
  const failed = (await units.failed()).filter((unit) => !isOwn(unit))
  const required = (await units.requirementsOf(BOOT_COMPLETE)).filter((unit) => failed.includes(unit))
  const known = index?.knownFaults ?? null
  const fresh = known === null ? [] : failed.filter((unit) => !known.includes(unit) && !required.includes(unit))
  const says = (names: readonly string[]): string => (names.length === 0 ? '' : `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} failed`)
  const unknown = 'it is not known which units failed before: the first boot of a confirmed version tells'
  return [
    verdict('units', says(fresh), known === null ? unknown : 'no unit has failed that did not before', await journalOf(appliance, fresh)),
    verdict('boot-complete', says(required), `nothing that ${BOOT_COMPLETE} needs has failed`, await journalOf(appliance, required)),
  ]
}

const checkPolicyUnits = async (appliance: Appliance): Promise<HealthCheck> => {
  const wanted = appliance.policy.health.units
  const inactive = await unitsOf(appliance).inactive(wanted)
  const faults = inactive.length === 0 ? '' : `${inactive.join(', ')} ${inactive.length === 1 ? 'is' : 'are'} not active`
  return verdict(
    'health.units',
    faults,
    wanted.length === 0 ? 'policy names no units' : 'every unit that policy names is active',
    await journalOf(appliance, inactive),
  )
}

/** As process 1 sees it: a sandbox of this process has mounts of its own. */
const MOUNTS = '/proc/1/mountinfo'

const checkWritable = async (appliance: Appliance, index: Index | null): Promise<HealthCheck> => {
  const running = index === null ? null : await readRunning(appliance, index)
  const uses = index?.bootEnvironments.find(({ name }) => name === running)?.data ?? []
  const table = await appliance.files.readText(MOUNTS)
  const mounts = parseMountInfo(table)
  const missing = uses.flatMap(({ mountpoint }) => (mountAt(mounts, mountpoint) === null ? [`${mountpoint} is not mounted`] : []))
  const readOnly = ['/', ...uses.map(({ mountpoint }) => mountpoint)].filter((path) => readOnlyAt(table, path))
  const faults = [...missing, ...(readOnly.length === 0 ? [] : [`${readOnly.join(', ')} can only be read`])]
  return verdict('writable', faults.join('; '), 'root and data can be written')
}

const checkNetwork = async ({ policy, files }: Appliance): Promise<HealthCheck[]> => {
  if (policy.health.network === 'none') return []
  const table = async (path: string): Promise<string> => ((await files.stat(path)) === null ? '' : files.readText(path))
  const routed = hasDefaultRoute(await table('/proc/net/route'), await table('/proc/net/ipv6_route'))
  return [verdict('network', routed ? '' : 'there is no default route', 'there is a default route')]
}

/** A version whose records nobody can read could not be upgraded or taken back: it must not be confirmed by itself. Outside a trial doctor tells of it. */
const checkRecords = async (appliance: Appliance, index: Index | null): Promise<HealthCheck[]> => {
  if (index !== null) return [verdict('records', '', 'belay’s records can be read')]
  const [{ choice }, running] = [await appliance.boot.readChoice(), await readRunningByPlace(appliance)]
  const onTrial = running !== null && choice?.trial === running && choice.good !== running
  return onTrial ? [verdict('records', `${running} is on trial, and its records cannot be read`, '')] : []
}

/** Everything that says whether this boot is a healthy one, now. */
export const checkHealth = async (appliance: Appliance): Promise<readonly HealthCheck[]> => {
  const index = await readIndexIfReadable(appliance)
  return [
    verdict('policy', appliance.policyProblem?.message ?? '', 'config.yaml can be read'),
    ...(await checkRecords(appliance, index)),
    ...(await checkUnits(appliance, index)),
    await checkPolicyUnits(appliance),
    await checkWritable(appliance, index),
    ...(await checkNetwork(appliance)),
    ...(await runHealthPrograms(appliance)),
  ]
}

/** What is wrong, for the records. */
export const faultsOf = (checks: readonly HealthCheck[]): HealthFault[] =>
  checks.flatMap(({ check, healthy, text, lines }) => (healthy ? [] : [{ check, text, lines }]))
