import { BelayError, RefusedError } from '../errors.ts'
import { BeName, numberOf } from '../snap/names.ts'
import type { Index } from '../snap/model.ts'
import type { Basis } from '../snap/plan/plan.ts'
import { type PlanContext, type PlanningState, basisOf } from '../snap/plan/state.ts'
import { pathInside } from '../snap/path-inside.ts'
import type { Appliance } from './appliance.ts'

/** Null where there is none yet, and where it cannot be read: for what must go on without. */
export const readIndexIfReadable = ({ index }: Pick<Appliance, 'index'>): Promise<Index | null> =>
  index.readIfAny().catch((error: unknown) => {
    if (!(error instanceof BelayError)) throw error
    return null
  })

/** The boot environment that is mounted at the target's root, null when that root is none of belay's. */
export const readRunning = async (appliance: Pick<Appliance, 'driver' | 'target'>, index: Index): Promise<BeName | null> => {
  const volume = await appliance.driver.volumeAt(appliance.target.root)
  if (volume === null) return null
  return index.bootEnvironments.find((be) => be.members.some((member) => member.role === 'root' && member.volume.guid === volume.guid))?.name ?? null
}

/** The same without an index: a boot environment's container has its name. One that init adopted elsewhere is not found. */
export const readRunningByPlace = async ({ driver, target }: Pick<Appliance, 'driver' | 'target'>): Promise<BeName | null> => {
  const volume = await driver.volumeAt(target.root)
  const names = volume?.locator.split('/').flatMap((part) => BeName.safeParse(part).data ?? []) ?? []
  return names[0] ?? null
}

const BTRFS_SUBVOLUME_INODE = 256

/** Config paths of policy that are no filesystem of their own: a package's purge removed the member, or a plain directory took its place. */
const readPlainConfig = async (appliance: Appliance, index: Index, running: BeName | null): Promise<string[]> => {
  const be = index.bootEnvironments.find((candidate) => candidate.name === running)
  if (be === undefined) return []
  const members = await appliance.driver.membersOf(be)
  const plain: string[] = []
  for (const path of appliance.policy.config) {
    const member = members.find((candidate) => candidate.role === 'config' && candidate.mountpoint === path)
    const stat = await appliance.files.stat(await pathInside(appliance.files, appliance.target.root, path))
    if (member === undefined || (appliance.driver.kind === 'btrfs' && stat?.inode !== BTRFS_SUBVOLUME_INODE)) plain.push(path)
  }
  return plain
}

/** Numbers whose names on disk belong to nothing in the index. */
const readOccupied = async (appliance: Appliance, index: Index): Promise<PlanningState['occupied']> => {
  const occupied = { generation: [] as number[], be: [] as number[], data: [] as number[] }
  for (const object of await appliance.driver.survey()) occupied[object.kind].push(numberOf(object.name))
  const known = {
    generation: new Set<number>(index.generations.map((generation) => generation.id)),
    be: new Set(index.bootEnvironments.map((be) => numberOf(be.name))),
    data: new Set(index.data.map((data) => numberOf(data.name))),
  }
  return {
    generation: occupied.generation.filter((number) => !known.generation.has(number)),
    be: occupied.be.filter((number) => !known.be.has(number)),
    data: occupied.data.filter((number) => !known.data.has(number)),
  }
}

/** Whether the running boot environment's boot set is what its /boot holds now. */
export const isBootSetInStep = async (appliance: Appliance, index: Index, running: BeName | null): Promise<boolean> => {
  const root = index.bootEnvironments.find((be) => be.name === running)?.members.find((member) => member.role === 'root')
  if (running === null || root === undefined) return true
  return appliance.boot.isInStep(running, appliance.target.root, appliance.driver.bootRoot(root.volume))
}

/** Read what planners need. @throws RefusedError `env-lost` when the boot choice cannot be read. */
export const readPlanningState = async (appliance: Appliance): Promise<PlanningState> => {
  const index = await appliance.index.read()
  const { choice, problems } = await appliance.boot.readChoice()
  if (choice === null)
    throw new RefusedError('env-lost', `the boot choice on the GRUB partition cannot be read: ${problems.join('; ')}`, { next: ['belay doctor --fix'] })
  const running = await readRunning(appliance, index)
  return {
    index,
    choice,
    running,
    occupied: await readOccupied(appliance, index),
    bootSetInStep: await isBootSetInStep(appliance, index, running),
    plainConfig: await readPlainConfig(appliance, index, running),
  }
}

/** The part of the state that a plan is bound to. */
export const readBasis = async (appliance: Appliance): Promise<Basis> => {
  const index = await appliance.index.readIfAny()
  const { choice } = await appliance.boot.readChoice()
  if (index === null || choice === null) {
    const volume = await appliance.driver.volumeAt(appliance.target.root)
    return { revision: index?.revision ?? null, choice, running: volume?.locator ?? 'none' }
  }
  const running = await readRunning(appliance, index)
  return basisOf({ index, choice, running } as PlanningState)
}

export const planContext = (appliance: Appliance): PlanContext => {
  const now = appliance.clock.now().toISOString()
  return {
    planId: `${now.replaceAll(/[-:]/g, '').replace(/\.\d+/, '')}-${appliance.randomHex()}`,
    now,
    actor: { uid: appliance.actor.uid, user: appliance.actor.user },
    policy: appliance.policy,
  }
}
