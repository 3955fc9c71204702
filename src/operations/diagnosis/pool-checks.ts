import { BelayError } from '../../errors.ts'
import type { OwnObject } from '../../snap/driver.ts'
import { type BeName, numberOf } from '../../snap/names.ts'
import { holdText, isOver } from '../../snap/plan/hold.ts'
import type { Appliance } from '../appliance.ts'
import { findMissing } from '../find-missing.ts'
import { lackingFeatures, readKnownFeatures } from '../pool-features.ts'
import { readPlanningState } from '../read-planning-state.ts'
import { type Check, type Diagnosis, fixable, note, problem } from './finding.ts'

export const pool: Check = async (appliance, { index }) => {
  const absent = await appliance.driver.absentPools()
  const found: Diagnosis[] = absent.map((guid) => {
    const paths = new Set(index.data.flatMap(({ mountpoint, volume }) => (volume.pool === guid ? [mountpoint] : [])))
    return problem('pool-not-imported', `the pool with GUID ${guid} is not imported (data at ${[...paths].join(', ')})`, `zpool import ${guid} && mount -a`)
  })
  for (const generation of index.generations) {
    const present = await appliance.driver.membersOf(generation)
    const expected = generation.members.filter(({ volume }) => !absent.includes(volume.pool))
    if (present.length < expected.length) {
      found.push(
        problem(
          'generation-missing',
          `generation ${String(generation.id)} has lost ${String(expected.length - present.length)} of its members`,
          `belay delete ${String(generation.id)}`,
        ),
      )
    }
  }
  const missing = await findMissing(appliance, index)
  for (const name of missing.bootEnvironments) {
    const generation = index.bootEnvironments.find((be) => be.name === name)?.standsFor ?? null
    const gone =
      generation === null
        ? 'a version that runs is started by it: belay snapshot, and belay rollback to another'
        : `if it is gone: belay delete ${String(generation)}`
    found.push(problem('be-missing', `${name} is not on the pool: it cannot be started`, `if it was renamed, give it its name back; ${gone}`))
  }
  for (const { name, mountpoint } of missing.data)
    found.push(problem('data-missing', `${name}, with what a version has at ${mountpoint}, is not on the pool`, 'if it was renamed, give it its name back'))
  const remains = new Map((index.remains ?? []).map((remain) => [remain.name, remain]))
  for (const object of await appliance.driver.survey()) {
    const remain = remains.get(object.name)
    if (remain !== undefined) {
      found.push(note('remains', await remainText(appliance, object, remain.since), 'belay prune   (tries again, as retention does after each confirmation)'))
      continue
    }
    const known =
      object.kind === 'generation'
        ? index.generations.some((generation) => generation.id === numberOf(object.name))
        : object.kind === 'be'
          ? index.bootEnvironments.some((be) => be.name === object.name)
          : index.data.some((data) => data.name === object.name)
    if (known) continue
    found.push(
      object.marked
        ? problem('unknown-object', `the pool holds ${object.name} with belay’s mark, but the index does not know it`, 'belay audit   (to see what made it)')
        : note('foreign-object', `the pool holds ${object.name} without belay’s mark; it is left alone`, 'rename or delete it if nobody needs it'),
    )
  }
  return found
}

/** What was let go and is still there, and why. */
const remainText = async ({ driver }: Pick<Appliance, 'driver'>, object: OwnObject, since: string): Promise<string> => {
  const text = `${object.name} was let go on ${since.slice(0, 10)} and could not be destroyed`
  try {
    await driver.checkDestroy(object)
    return text
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return `${text}: ${error.message}`
  }
}

const named = (lacking: ReadonlyMap<string, readonly string[]>): string => [...lacking].map(([be, features]) => `${be} (${features.join(', ')})`).join('; ')

/** A pool that was upgraded by a newer ZFS is lost to the versions that hold an older one, and nothing takes that back. Each is told of the worst that is so. */
export const poolFeatures: Check = async (appliance, { index }) => {
  const { active, enabled, disabled } = await appliance.driver.poolFeatures()
  if (active.length + enabled.length + disabled.length === 0) return []
  const known = await readKnownFeatures(appliance, index)
  const takeLacking = (features: readonly string[]): ReadonlyMap<BeName, readonly string[]> => {
    const lacking = lackingFeatures(known, features)
    for (const be of lacking.keys()) known.delete(be)
    return lacking
  }
  const found: Diagnosis[] = []
  const lost = takeLacking(active)
  if (lost.size > 0) {
    const text = `the pool uses features that the ZFS of these boot environments cannot read, so they cannot be started: ${named(lost)}`
    found.push(problem('pool-features', text, 'belay list, then belay delete ID of what cannot be started any more'))
  }
  const slipping = takeLacking(enabled)
  if (slipping.size > 0) {
    const text = `the pool was upgraded: features are switched on that the ZFS of these boot environments cannot read once they are used, which may be at any time: ${named(slipping)}`
    found.push(note('pool-upgraded', text, 'do not rely on these versions; if one is needed, go back to it now'))
  }
  const endangered = takeLacking(disabled)
  if (endangered.size > 0) {
    const text = `“zpool upgrade” would put these boot environments out of reach: ${named(endangered)}`
    found.push(note('pool-upgrade', text, 'leave the pool as it is while they may be needed (zpool status recommends the upgrade all the same)'))
  }
  return found
}

export const configMembers: Check = async (appliance) => {
  try {
    const state = await readPlanningState(appliance)
    const { running } = state
    if (running === null) return []
    return state.plainConfig.map((path) =>
      fixable('config-member', `${path} is not a filesystem of its own, so it would not be rolled back as configuration`, async () => {
        const member = await appliance.driver.carveConfig(running, path)
        const members = (await appliance.index.read()).bootEnvironments.find((be) => be.name === running)?.members ?? []
        await appliance.index.change([
          { change: 'be-members', name: running, members: { from: members, to: [...members.filter((other) => other.mountpoint !== path), member] } },
        ])
      }),
    )
  } catch (error) {
    if (error instanceof BelayError) return []
    throw error
  }
}

export const reserve: Check = async (appliance) =>
  (await appliance.reserve.isMade(appliance.policy))
    ? []
    : [fixable('reserve', 'no space is held back for undo', () => appliance.reserve.make(appliance.policy))]

/** A hold that nobody takes away keeps its space for ever. */
export const holds: Check = (appliance, { index }) => {
  const now = appliance.clock.now().toISOString()
  return Promise.resolve(
    index.generations.flatMap(({ id, keep, hold }) =>
      keep && hold !== undefined && isOver(hold, now)
        ? [note('hold-over', `generation ${String(id)} was kept ${holdText(hold)}; retention decides about it again`, `belay keep ${String(id)} --off`)]
        : [],
    ),
  )
}

/** What an upgrade left torn is kept for whoever wants to know what happened. */
export const torn: Check = ({ policy }, { index }) =>
  Promise.resolve(
    index.bootEnvironments.flatMap(({ name, tornAt }) =>
      tornAt === undefined
        ? []
        : [
            note(
              'torn',
              `${name} is torn: its upgrade was cut or failed; it is never started again (found ${tornAt.slice(0, 10)})`,
              `nothing: retention removes it ${String(policy.retention.tornDays)} days after that   (now: belay prune --torn-days 0)`,
            ),
          ],
    ),
  )
