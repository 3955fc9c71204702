import { z } from 'zod'
import { type BootChoice, nextBoot } from '../boot/boot-choice.ts'
import type { HealthFault, Index, TrialHealth } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import { versionOf } from '../snap/plan/lineage.ts'
import { dataLeftBy } from '../snap/plan/trial-boot.ts'
import { isUnstarted } from '../snap/plan/state.ts'

/** Why the version that runs does so. A belay of the future may know more words. */
export const RunningWhy = z.enum([
  /** The last confirmed one, as it should be. */
  'confirmed',
  /** An upgrade of it is under way. */
  'upgrading',
  /** It was upgraded and has not been started since. */
  'upgraded',
  /** It failed to be upgraded; the next boot leaves it. */
  'upgrade-failed',
  /** On trial, after an upgrade or a change of version. */
  'trial',
  /** The power or the upgrade itself failed while packages were changing. */
  'fallback-from-upgrade',
  /** A trial used up its attempts. */
  'fallback-from-trial',
  /** A rollback gave the trial of an upgrade up. */
  'rolled-back',
  /** Another version was chosen since it was started. */
  'leaving',
  /** Picked in the menu, or chosen for one boot. */
  'picked',
  /** The root is none of belay's. */
  'foreign',
  /** The boot choice is lost. */
  'unknown',
])
export type RunningWhy = z.infer<typeof RunningWhy>

/** A boot environment with the version that it is. */
export interface NamedVersion {
  readonly be: BeName
  readonly generation: number | null
  /** Why that generation was taken. */
  readonly text: string | null
}

/** What an upgrade left behind that was cut or failed. */
export interface TornVersion {
  readonly be: BeName
  readonly since: string
  /** Where its data is not that of what runs. */
  readonly dataLeft: readonly string[]
}

/** All that is to say of what runs and what comes next. */
export interface RunningFacts {
  readonly why: RunningWhy
  readonly running: NamedVersion | null
  readonly next: NamedVersion | null
  /** Boots that a trial of what comes next has left. */
  readonly attemptsLeft: number
  /** Where GRUB goes when the trial fails. */
  readonly fallback: NamedVersion | null
  /** What did not stay, or is on trial: the title of the upgrade, else the version. */
  readonly subject: string | null
  /** The generation that `forward` leads to. */
  readonly left: number | null
  /** What is or was on trial, by the boot choice. */
  readonly trial: BeName | null
  /** How the trial failed that the machine fell back from; null where GRUB saw its boots end, and nobody else did. */
  readonly failure: TrialHealth | null
  /** The upgraded root that the machine fell back from while packages were changing, and since when what was written in it is not in what runs. */
  readonly torn: TornVersion | null
  /** What is wrong with this boot. */
  readonly faults: readonly HealthFault[]
  /** The machine was adopted and has not been started since. */
  readonly startsFirst: boolean
}

interface Situation {
  readonly index: Index | null
  readonly choice: BootChoice | null
  readonly running: BeName | null
  /** This boot of the machine; null for an appliance that is only mounted. */
  readonly bootId: string | null
}

/** Neither of the choice is what was picked, but also what was left by a choice that was made since its boot: only the record of that boot tells them apart. */
const wasPicked = (index: Index | null, running: BeName, bootId: string | null): boolean => {
  const start = index?.lastStart ?? null
  return start?.be !== running || start.bootId !== bootId || start.why === 'picked'
}

const whyRunning = ({ index, choice, running, bootId }: Situation): RunningWhy => {
  if (choice === null) return 'unknown'
  if (running === null) return 'foreign'
  const session = index?.session ?? null
  if (session?.be === running && session.phase === 'armed') return 'upgrading'
  if (session?.be === running && session.phase === 'failed') return 'upgrade-failed'
  if (session?.be === running && session.phase === 'trial' && bootId !== null && isUnstarted(session, bootId)) return 'upgraded'
  if (session?.fallback === running && (session.phase === 'armed' || session.phase === 'failed')) return 'fallback-from-upgrade'
  if (choice.trial === running) return 'trial'
  if (session?.be === running && session.phase === 'trial') return 'rolled-back'
  if (choice.good !== running) return wasPicked(index, running, bootId) ? 'picked' : 'leaving'
  if (choice.trial !== null && choice.attemptsLeft === 0) return 'fallback-from-trial'
  return session?.phase === 'trial' && session.be !== running && choice.trial === null ? 'rolled-back' : 'confirmed'
}

const failureOf = ({ index, choice }: Situation, why: RunningWhy): TrialHealth | null => {
  const health = index?.trialHealth ?? null
  return why === 'fallback-from-trial' && health?.be === choice?.trial && health !== null && health.faults.length > 0 ? health : null
}

const tornBy = ({ index, running }: Situation, why: RunningWhy): TornVersion | null => {
  const session = index?.session ?? null
  if (index === null || session === null || running === null || why !== 'fallback-from-upgrade') return null
  const be = index.bootEnvironments.find(({ name }) => name === session.be)
  return be === undefined ? null : { be: be.name, since: session.startedAt, dataLeft: dataLeftBy(index, be, running) }
}

const faultsNow = ({ index, running, bootId }: Situation): readonly HealthFault[] => {
  const health = index?.bootHealth ?? null
  return health !== null && health.be === running && health.bootId === bootId ? health.faults : []
}

/** Why the running version runs, and what comes next. Pure: from the index, the boot choice and what is mounted as root. */
export const explainRunning = (situation: Situation): RunningFacts => {
  const { index, choice, running } = situation
  const named = (name: BeName | null): NamedVersion | null => {
    if (name === null) return null
    const be = index?.bootEnvironments.find((candidate) => candidate.name === name)
    const generation = index === null || be === undefined ? null : versionOf(index, be)
    const text = index?.generations.find((candidate) => candidate.id === generation)?.reason.text ?? null
    return { be: name, generation, text }
  }
  const why = whyRunning(situation)
  const session = index?.session ?? null
  const failedTrial = why === 'fallback-from-trial' ? named(choice?.trial ?? null) : null
  const next = choice === null ? null : nextBoot(choice)
  const runs = named(running)
  const left = index?.left.at(-1) ?? null
  return {
    why,
    running: runs,
    next: named(next?.be ?? null),
    attemptsLeft: choice?.attemptsLeft ?? 0,
    fallback: named(choice?.good ?? null),
    subject: session?.text.replace(/^before /, 'the ') ?? (failedTrial === null ? null : `the trial of ${failedTrial.be}`),
    // What is left before its reboot is on the stack already.
    left: left === runs?.generation ? null : left,
    trial: choice?.trial ?? null,
    failure: failureOf(situation, why),
    torn: tornBy(situation, why),
    faults: faultsNow(situation),
    startsFirst: why === 'foreign' && index !== null && next !== null && (index.lastStart ?? null) === null,
  }
}
