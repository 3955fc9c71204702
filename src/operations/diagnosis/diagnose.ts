import { BelayError, InvalidFileError } from '../../errors.ts'
import { notInitialised } from '../../snap/index-store.ts'
import type { Index } from '../../snap/model.ts'
import type { Appliance } from '../appliance.ts'
import { findOpenAptRun, unguarded } from './apt-checks.ts'
import { bootLoader, bootSets, leftOnBootPartition, menu, readOnly } from './boot-file-checks.ts'
import { bootChoice, session, trial } from './choice-checks.ts'
import { type Check, type Diagnosis, type Facts, note, problem } from './finding.ts'
import { configMembers, holds, pool, poolFeatures, reserve, torn } from './pool-checks.ts'
import { checkPolicy } from './policy-check.ts'
import { dataMounts, identity, leftInRoot, packages } from './root-checks.ts'
import { readRunning } from '../read-planning-state.ts'
import { sortByOwner } from '../runs-under-way.ts'

const CHECKS: readonly Check[] = [
  readOnly,
  bootChoice,
  session,
  trial,
  packages,
  bootSets,
  pool,
  holds,
  torn,
  poolFeatures,
  dataMounts,
  leftOnBootPartition,
  unguarded,
]
/** Checks that compare with policy; without a readable one there is nothing to compare with. */
const POLICY_CHECKS: readonly Check[] = [configMembers, menu, reserve, leftInRoot, identity, bootLoader]

/** The index, or why there is none although this appliance was adopted. @throws NotFoundError where it was not. */
const readIndex = async (appliance: Appliance): Promise<{ readonly index: Index } | { readonly lost: Diagnosis }> => {
  const remedy = 'put index.json back from a backup of /var/lib/belay; GRUB, belay status and belay confirm work without it'
  try {
    const index = await appliance.index.readIfAny()
    if (index !== null) return { index }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return { lost: problem('index', error.message, error instanceof InvalidFileError ? remedy : error.next.join('; ')) }
  }
  if ((await appliance.boot.readChoice()).choice === null) throw notInitialised()
  return { lost: problem('index', 'the index of this appliance is lost', remedy) }
}

/** While a run has not ended, what else is found may be its work in progress. */
const findUnfinished = async (appliance: Appliance): Promise<Diagnosis[]> => {
  try {
    const { alive, dead } = await sortByOwner(appliance, await appliance.journals.unfinished())
    if (alive.length + dead.length === 0) return await findOpenAptRun(appliance)
    return [
      ...alive.map(({ plan, owner }) => note('under-way', `${plan.operation} ${plan.id} is under way (process ${String(owner.pid)})`, 'wait for it to end')),
      ...dead.map(({ plan }) => problem('interrupted', `${plan.operation} ${plan.id} was interrupted`, 'belay doctor --fix')),
    ]
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return [problem('journal', error.message, error.next[0] ?? 'belay status')]
  }
}

/** All that is wrong with an appliance, with the exact remedy of each. */
export const diagnose = async (appliance: Appliance): Promise<Diagnosis[]> => {
  const unfinished = await findUnfinished(appliance)
  if (unfinished.length > 0) return unfinished
  const known = await readIndex(appliance)
  const atPolicy = await checkPolicy(appliance, 'lost' in known ? null : known.index)
  if ('lost' in known) return [...atPolicy, known.lost]
  const { index } = known
  const { choice } = await appliance.boot.readChoice()
  const facts: Facts = { index, choice, running: await readRunning(appliance, index) }
  const found: Diagnosis[] = [...atPolicy]
  // What a failed upgrade left in the running version is what its reboot leaves behind: there is nothing to mend in it.
  const abandoned = index.session?.phase === 'failed' && index.session.be === facts.running
  const ofRunning: readonly Check[] = abandoned ? [packages, configMembers] : []
  for (const check of [...CHECKS, ...(atPolicy.length === 0 ? POLICY_CHECKS : [])].filter((candidate) => !ofRunning.includes(candidate)))
    found.push(...(await check(appliance, facts)))
  return found
}
