import { z } from 'zod'
import { BelayError } from '../errors.ts'
import { nextBoot } from '../boot/boot-choice.ts'
import { HealthFault, type Index, type TrialHealth } from '../snap/model.ts'
import { BootChoice } from '../boot/boot-choice.ts'
import type { Appliance } from './appliance.ts'
import { RunningWhy, explainRunning } from './explain-running.ts'
import { versionOf } from '../snap/plan/lineage.ts'
import { healthyInARow } from '../snap/plan/trial-health.ts'
import { readRunning, readRunningByPlace } from './read-planning-state.ts'
import { armedAptRun, isAtWork } from './close-apt-run.ts'
import { sortByOwner } from './runs-under-way.ts'
import { UnguardedRun, readUnguardedRuns } from './unguarded-apt-runs.ts'
import { UpgradeAcceptance, readUpgradeAcceptance } from './upgrade-acceptance.ts'

const Space = z.object({ free: z.number(), total: z.number() })

/** What `belay status` says; its JSON form is published in schemas/. */
export const Status = z.object({
  initialised: z.boolean(),
  running: z
    .object({
      be: z.string().nullable().describe('boot environment that is mounted as root; null when it is none of belay’s'),
      generation: z.int().nullable().describe('generation that it descends from'),
      confirmed: z.boolean(),
      why: RunningWhy.describe('why it runs'),
      subject: z.string().nullable().describe('the upgrade or trial that is the reason'),
      faults: z.array(HealthFault).describe('what the last check of this boot’s health found wrong'),
      startsFirst: z.boolean().describe('the machine was adopted, and the next boot is the first of a version of belay’s'),
      packages: z.record(z.string(), z.string()).describe('versions of the important packages'),
      dataFormat: z.string().nullable(),
    })
    .nullable(),
  next: z
    .object({
      be: z.string(),
      why: z.enum(['once', 'trial', 'good']),
      generation: z.int().nullable(),
      kernel: z.string().nullable(),
      reason: z.string(),
    })
    .nullable()
    .describe('what GRUB starts next; null when the boot choice is lost'),
  choice: BootChoice.nullable(),
  trial: z
    .object({
      be: z.string(),
      attemptsLeft: z.int(),
      healthyBoots: z.int().describe('in a row, so far'),
      wanted: z.int().describe('healthy boots that confirm it, by the policy of what runs'),
    })
    .nullable()
    .describe('what is on trial'),
  failedTrial: z
    .object({
      be: z.string(),
      at: z.string(),
      faults: z.array(HealthFault).describe('why'),
      since: z.string().nullable().describe('what was written since then in its root is kept with it'),
      dataLeft: z.array(z.string()).describe('where its data is not that of what runs'),
    })
    .nullable()
    .describe('the trial that the machine fell back from; null as well where nobody knows why its boots ended'),
  torn: z
    .object({
      be: z.string(),
      since: z.string().describe('what was written since then in its root and its configuration is kept with it'),
      dataLeft: z.array(z.string()).describe('where its data is not that of what runs'),
    })
    .nullable()
    .describe('the upgraded version that the machine fell back from, because its packages were being changed or are broken'),
  session: z.object({ operation: z.string(), phase: z.string(), be: z.string(), fallback: z.string(), generation: z.int(), text: z.string() }).nullable(),
  aptRun: z
    .object({ text: z.string(), pid: z.int(), atWork: z.boolean().describe('false when it has ended and was not closed yet') })
    .nullable()
    .describe('the run of apt behind an armed restore point'),
  unguarded: z.array(UnguardedRun).describe('runs of apt without a restore point, since the newest generation'),
  rebootRequired: z.boolean(),
  upgrade: UpgradeAcceptance.nullable().describe('whether an upgrade would be accepted now; null where belay was not initialised'),
  underWay: z.array(z.object({ operation: z.string(), plan: z.string(), pid: z.int() })).describe('operations whose process runs'),
  interrupted: z.array(z.object({ operation: z.string(), plan: z.string() })).describe('operations whose process died'),
  generations: z.int(),
  factory: z.int().nullable(),
  left: z.array(z.int()),
  space: z.object({ pool: Space, grubPartition: Space }),
  problems: z.array(z.string()),
})
export type Status = z.infer<typeof Status>

const WHY = {
  once: 'chosen for one boot',
  trial: 'on trial until it is confirmed',
  good: 'the last confirmed one',
}

const generationOfBe = (index: Index | null, name: string | null): number | null => {
  const be = index?.bootEnvironments.find((candidate) => candidate.name === name)
  return index === null || be === undefined ? null : versionOf(index, be)
}

const trialOf = ({ policy }: Appliance, index: Index | null, choice: BootChoice | null): Status['trial'] => {
  const trial = choice?.trial ?? null
  if (choice === null || trial === null || (choice.attemptsLeft === 0 && (index?.trialHealth?.faults.length ?? 0) > 0)) return null
  const health = index?.trialHealth ?? null
  const healthyBoots = health?.be === trial ? healthyInARow(health, choice.attemptsLeft, policy) : 0
  return { be: trial, attemptsLeft: choice.attemptsLeft, healthyBoots, wanted: policy.trial.healthyBoots }
}

const failedTrialOf = ({ be, at, faults, since, dataLeft }: TrialHealth): NonNullable<Status['failedTrial']> => ({ be, at, faults, since, dataLeft })

/** What runs, what boots next and why. Works without the index. */
export const readStatus = async (appliance: Appliance): Promise<Status> => {
  const problems: string[] = []
  let index: Index | null = null
  try {
    index = await appliance.index.readIfAny()
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    problems.push(error.message)
  }
  const { choice, problems: envProblems } = await appliance.boot.readChoice()
  if (index === null && choice !== null && problems.length === 0) problems.push('the index of this appliance is lost')
  const initialised = index !== null || problems.length > 0
  if (initialised) problems.push(...envProblems)
  const running = index === null ? await readRunningByPlace(appliance) : await readRunning(appliance, index)
  const be = index?.bootEnvironments.find((candidate) => candidate.name === running) ?? null
  const next = choice === null ? null : nextBoot(choice)
  const nextBe = index?.bootEnvironments.find((candidate) => candidate.name === next?.be) ?? null
  const unfinished = await appliance.journals.unfinished().catch((error: unknown) => {
    if (!(error instanceof BelayError)) throw error
    problems.push(error.message)
    return []
  })
  const { alive, dead } = await sortByOwner(appliance, unfinished)
  const session = index?.session ?? null
  const aptRun = armedAptRun(index)
  const facts = explainRunning({ index, choice, running, bootId: appliance.bootId })
  return {
    initialised,
    running: initialised
      ? {
          be: running,
          generation: generationOfBe(index, running),
          confirmed: running !== null && choice?.good === running,
          why: facts.why,
          subject: facts.subject,
          faults: [...facts.faults],
          startsFirst: facts.startsFirst,
          packages: be === null ? {} : (await appliance.describer.describe(appliance.target.root)).packages.important,
          dataFormat: be?.dataFormat ?? null,
        }
      : null,
    next:
      next === null
        ? null
        : { be: next.be, why: next.why, generation: generationOfBe(index, next.be), kernel: nextBe?.bootSet?.kernelVersion ?? null, reason: WHY[next.why] },
    choice,
    trial: trialOf(appliance, index, choice),
    failedTrial: facts.failure === null ? null : failedTrialOf(facts.failure),
    torn: facts.torn === null ? null : { ...facts.torn, dataLeft: [...facts.torn.dataLeft] },
    session:
      session === null
        ? null
        : {
            operation: session.operation,
            phase: session.phase,
            be: session.be,
            fallback: session.fallback,
            generation: session.generation,
            text: session.text,
          },
    aptRun: aptRun === null ? null : { text: aptRun.text.replace(/^before /, 'the '), pid: aptRun.owner.pid, atWork: await isAtWork(appliance, aptRun) },
    unguarded: index === null ? [] : await readUnguardedRuns(appliance, index),
    // The last attempt of a trial runs now: a reboot would leave it, not start it.
    rebootRequired:
      initialised &&
      alive.length === 0 &&
      // What apt does is not on trial before it is closed.
      aptRun?.be !== running &&
      next !== null &&
      // What was picked for one boot waits for no reboot.
      ((next.be !== running && (running === null || choice?.trial !== running) && !(appliance.target.live && facts.why === 'picked')) ||
        (appliance.target.live && (await appliance.rebootNote.isSet()))),
    upgrade: initialised ? await readUpgradeAcceptance(appliance, { index, choice, running, underWay: alive.length > 0, interrupted: dead.length > 0 }) : null,
    underWay: alive.map(({ plan, owner }) => ({ operation: plan.operation, plan: plan.id, pid: owner.pid })),
    interrupted: dead.map(({ plan }) => ({ operation: plan.operation, plan: plan.id })),
    generations: index?.generations.length ?? 0,
    factory: index?.factory ?? null,
    left: [...(index?.left ?? [])],
    space: { pool: await appliance.driver.space(), grubPartition: await appliance.boot.space() },
    problems,
  }
}
