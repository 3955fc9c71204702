import { RefusedError, UsageError } from '../errors.ts'
import { Path } from '../policy/policy.ts'
import { whyInRoot } from '../policy/system-paths.ts'
import type { OwnObject } from '../snap/driver.ts'
import type { Volume } from '../snap/model.ts'
import { numberOf } from '../snap/names.ts'
import { pathInside } from '../snap/path-inside.ts'
import { planInit } from '../snap/plan/init.ts'
import { mountedAlready, placeOutsideRoot } from '../snap/plan/not-operating-system.ts'
import type { Plan } from '../snap/plan/plan.ts'
import type { Appliance } from './appliance.ts'
import { executorFor } from './executor-for.ts'
import { findDataToAdopt } from './find-data-to-adopt.ts'
import { readBoot, refuseFull } from './prove-space-for-init.ts'
import { readBootLayout } from './read-boot-layout.ts'
import { refuseMountedConfig, refuseNested, refuseSplitSystem } from './refuse-split-root.ts'
import { readRootPaths } from './find-paths-left-in-root.ts'
import { planContext } from './read-planning-state.ts'
import { locked } from './hold-lock.ts'
import { type Conversation, type OperationResult, recoverInterrupted } from './run-operation.ts'

export interface InitRequest {
  readonly config: readonly string[]
  readonly data: readonly string[]
  readonly inRoot: readonly string[]
  /** The text of config.yaml that goes into the new boot environment. */
  readonly policyText: string
  /** What is to be said of the policy. */
  readonly notices: readonly string[]
}

/** @throws RefusedError when root is no filesystem that can be cloned. */
const rootVolume = async ({ driver, target }: Appliance): Promise<Volume> => {
  const volume = await driver.volumeAt(target.root)
  if (volume === null) {
    throw new RefusedError('layout/top-level', 'the root filesystem is not a subvolume or dataset of its own that could be cloned', {
      next: ['move the system into a subvolume (the Debian installer makes @rootfs), then run belay init again'],
    })
  }
  return volume
}

/** @throws UsageError for data that is the operating system's, and for a path that is to be two things. */
const refusePlaces = ({ config, data, inRoot }: InitRequest): void => {
  for (const path of data) {
    const form = Path.safeParse(path).error?.issues[0]?.message
    if (form !== undefined) throw new UsageError(`--data ${JSON.stringify(path)} ${form}`, { next: ['belay init --help'] })
    const why = whyInRoot(path, 'data')
    if (why !== null) throw new UsageError(`--data cannot be ${path}, which ${why}`, { next: ['belay init --help'] })
  }
  const named = [...config, ...data, ...inRoot]
  const twice = named.find((path, position) => named.indexOf(path) !== position)
  if (twice !== undefined) throw new UsageError(`${twice} is named twice: as what should it go?`, { next: ['belay init --help'] })
}

const refuseAdopted = async (appliance: Appliance, survey: readonly OwnObject[]): Promise<void> => {
  if ((await appliance.index.readIfAny()) !== null)
    throw new RefusedError('already-initialised', 'this appliance is belay’s already', { next: ['belay status'] })
  const be = survey.find((object) => object.kind === 'be' && object.marked)
  if (be !== undefined) {
    // A clone of a root that belay made has empty directories where its configuration is mounted.
    throw new RefusedError('index-lost', `this appliance is belay’s already (the pool holds ${be.name}), but its index is lost`, { next: ['belay doctor'] })
  }
}

const plan = async (appliance: Appliance, request: InitRequest): Promise<Plan> => {
  const survey = await appliance.driver.survey()
  await refuseAdopted(appliance, survey)
  refusePlaces(request)
  const volume = await rootVolume(appliance)
  await appliance.driver.checkAdoption(volume, request.config)
  await refuseSplitSystem(appliance)
  const layout = await readBootLayout(appliance)
  const held = await readBoot(appliance)
  await refuseFull(appliance, layout, held)
  const { root } = appliance.target
  for (const path of [...request.config, ...request.data, ...request.inRoot]) await pathInside(appliance.files, root, path)
  for (const path of [...request.config, ...request.data]) {
    if ((await appliance.files.stat(await pathInside(appliance.files, root, path)))?.kind !== 'directory') {
      throw new RefusedError('layout/no-directory', `${path} is not a directory of this root`, { next: [`mkdir ${path}, or leave it out`] })
    }
  }
  const found = await readRootPaths(appliance.files, root, [...request.config, ...request.data])
  refuseMountedConfig(found, request.config)
  const adopted = await findDataToAdopt(appliance, found, request.data)
  const placements = placeOutsideRoot(found, request)
  await refuseNested(appliance, volume, {
    moved: [...placements.map(({ path }) => path), ...request.config],
    adopted,
  })
  const occupied = { generation: [] as number[], be: [] as number[], data: [] as number[] }
  for (const object of survey) occupied[object.kind].push(numberOf(object.name))
  return planInit(
    {
      driver: appliance.driver.kind,
      pool: appliance.driver.pool,
      atomic: appliance.driver.atomicSets,
      root: volume,
      occupied,
      bootPartition:
        layout.kind === 'boot-partition' ? { source: layout.source, names: held.filter(({ isKernel }) => isKernel).map(({ name }) => name) } : null,
      placements,
      adopted,
      left: mountedAlready(found, request),
      config: request.config,
      policyText: request.policyText,
      notices: request.notices,
    },
    planContext(appliance),
  )
}

/** `belay init`: adopt this machine or image. */
export const initialise = async (appliance: Appliance, request: InitRequest, conversation: Conversation): Promise<OperationResult> => {
  if (conversation.planOnly) return { plan: await plan(appliance, request), executed: false, results: new Map(), recovered: [] }
  // An init that was cut has left its state, and perhaps an index: it is taken back before anything is planned.
  const recovered = (await appliance.driver.stateDirectory()) === null ? [] : await locked(appliance, 'init', () => recoverInterrupted(appliance, conversation))
  await conversation.approve(await plan(appliance, request))
  await appliance.driver.createState()
  return locked(appliance, 'init', async () => {
    const made = await plan(appliance, request)
    const execution = await executorFor(appliance, conversation).execute(made)
    return { plan: made, executed: true, results: execution.results, recovered }
  })
}
