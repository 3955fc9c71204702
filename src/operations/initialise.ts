import { RefusedError } from '../errors.ts'
import { CONFIG_FILE } from '../snap/target.ts'
import { numberOf } from '../snap/names.ts'
import { pathInside } from '../snap/path-inside.ts'
import { planInit } from '../snap/plan/init.ts'
import { placeOutsideRoot } from '../snap/plan/not-operating-system.ts'
import type { Plan } from '../snap/plan/plan.ts'
import type { Appliance } from './appliance.ts'
import { readRootPaths } from './find-paths-left-in-root.ts'
import { planContext } from './read-planning-state.ts'
import { type Conversation, type OperationResult, executorFor, locked, recoverInterrupted } from './run-operation.ts'

export interface InitRequest {
  readonly config: readonly string[]
  readonly data: readonly string[]
  readonly inRoot: readonly string[]
  /** The text of config.yaml that goes into the new boot environment. */
  readonly policyText: string
}

const refuseLayout = async (appliance: Appliance): Promise<void> => {
  const root = await appliance.driver.volumeAt(appliance.target.root)
  if (root === null) {
    throw new RefusedError('layout/top-level', 'the root filesystem is not a subvolume of its own that could be cloned', {
      next: ['move the system into a subvolume (the Debian installer makes @rootfs), then run belay init again'],
    })
  }
  const boot = await appliance.driver.volumeAt(`${appliance.target.root === '/' ? '' : appliance.target.root}/boot`)
  if (boot !== null) {
    throw new RefusedError('layout/boot', '/boot is a filesystem of its own, so kernels would not go back with the version', {
      next: ['move the content of /boot into root, and mount a small ext4 at /boot/grub only'],
    })
  }
}

const plan = async (appliance: Appliance, request: InitRequest): Promise<Plan> => {
  await refuseLayout(appliance)
  const { root } = appliance.target
  const volume = await appliance.driver.volumeAt(root)
  if (volume === null) throw new RefusedError('layout/top-level', 'the root filesystem is not a subvolume of its own', {})
  for (const path of [...request.config, ...request.data, ...request.inRoot]) await pathInside(appliance.files, root, path)
  for (const path of [...request.config, ...request.data]) {
    if ((await appliance.files.stat(await pathInside(appliance.files, root, path)))?.kind !== 'directory') {
      throw new RefusedError('layout/no-directory', `${path} is not a directory of this root`, { next: [`mkdir ${path}, or leave it out`] })
    }
  }
  const found = await readRootPaths(appliance.files, root, [...request.config, ...request.data])
  const placements = placeOutsideRoot(found, request)
  const nested = await appliance.driver.nestedIn(volume)
  const swallowed = nested.find(({ path }) =>
    [...placements.map((placement) => placement.path), ...request.config].some((moved) => path === moved || path.startsWith(`${moved}/`)),
  )
  if (swallowed !== undefined) {
    throw new RefusedError('layout/nested', `${swallowed.path} is a subvolume inside root; a clone would have it empty`, {
      next: [`give it a line of its own in /etc/fstab and mount it, or name it with --in-root ${swallowed.path}`],
      data: { path: swallowed.path },
    })
  }
  const occupied = { generation: [] as number[], be: [] as number[], data: [] as number[] }
  for (const object of await appliance.driver.survey()) occupied[object.kind].push(numberOf(object.name))
  return planInit(
    {
      driver: appliance.driver.kind,
      pool: appliance.driver.pool,
      atomic: appliance.driver.atomicSets,
      initialised: (await appliance.index.readIfAny()) !== null,
      root: volume,
      occupied,
      placements,
      config: request.config,
      policyText: request.policyText,
    },
    planContext(appliance),
  )
}

/** `belay init`: adopt this machine or image. */
export const initialise = async (appliance: Appliance, request: InitRequest, conversation: Conversation): Promise<OperationResult> => {
  if (conversation.planOnly) return { plan: await plan(appliance, request), executed: false, results: new Map(), recovered: [] }
  await plan(appliance, request)
  await appliance.driver.createState()
  return locked(appliance, 'init', async () => {
    const recovered = await recoverInterrupted(appliance, conversation)
    const made = await plan(appliance, request)
    await conversation.approve(made)
    const execution = await executorFor(appliance, conversation).execute(made)
    return { plan: made, executed: true, results: execution.results, recovered }
  })
}

/** Where the policy lies in the root. */
export const policyPath = (appliance: Pick<Appliance, 'files' | 'target'>): Promise<string> => pathInside(appliance.files, appliance.target.root, CONFIG_FILE)
