import type { BootChoice } from '../../../../src/boot/boot-choice.ts'
import { Policy } from '../../../../src/policy/policy.ts'
import { BootEnvironment, DataVolume, Generation, Index, type Session } from '../../../../src/snap/model.ts'
import { type BeName, beName, dataName, numberOf } from '../../../../src/snap/names.ts'
import type { Plan } from '../../../../src/snap/plan/plan.ts'
import type { PlanContext, PlanningState } from '../../../../src/snap/plan/state.ts'
import type { Step } from '../../../../src/snap/plan/step.ts'

export const NOW = '2026-11-21T03:00:00.000Z'
const POOL = '6f0c1c9e-0000-4000-8000-000000000001'

const file = (name: string) => ({ sha256: Buffer.from(name.padEnd(32, '.')).toString('hex'), bytes: 1000 })

/** A boot set whose hashes depend on the kernel version alone. */
export const bootSetOf = (kernelVersion: string) => ({
  kernelVersion,
  vmlinuz: file(`vmlinuz ${kernelVersion}`),
  initrd: file(`initrd ${kernelVersion}`),
  verifiedAt: NOW,
})

const member = (role: string, mountpoint: string, guid: string) => ({ role, mountpoint, volume: { pool: POOL, guid, locator: guid } })

export interface GenerationFacts {
  readonly takenFrom?: number
  readonly kind?: string
  readonly kernel?: string
  readonly dataFormat?: string | null
  readonly health?: string
  readonly keep?: boolean
  readonly hold?: Generation['hold']
  readonly createdAt?: string
  readonly withData?: boolean
  readonly config?: readonly string[]
}

export const generation = (id: number, facts: GenerationFacts = {}): Generation =>
  Generation.parse({
    id,
    createdAt: facts.createdAt ?? `2026-11-${String(10 + id).padStart(2, '0')}T03:00:00.000Z`,
    reason: { kind: facts.kind ?? 'manual', text: `generation ${String(id)}` },
    parent: null,
    takenFrom: beName(facts.takenFrom ?? 1),
    by: { uid: 0, user: 'root' },
    atomic: true,
    members: [
      member('root', '/', `gen-${String(id)}-root`),
      ...(facts.config ?? ['/etc/app']).map((path) => member('config', path, `gen-${String(id)}${path}`)),
      ...(facts.withData === true ? [member('data', '/srv/files', `gen-${String(id)}-data`)] : []),
    ],
    packages: { count: 1, digest: '0'.repeat(64), important: {} },
    bootSet: bootSetOf(facts.kernel ?? '6.1'),
    dataFormat: facts.dataFormat === undefined ? '1.0.0' : facts.dataFormat,
    health: facts.health ?? 'unknown',
    keep: facts.keep ?? false,
    ...(facts.hold === undefined ? {} : { hold: facts.hold }),
  })

export interface BeFacts {
  readonly origin?: number | null
  readonly standsFor?: number | null
  readonly startedAs?: number | null
  readonly data?: number
  readonly kernel?: string
  readonly confirmed?: boolean
  readonly dataFormat?: string | null
}

export const be = (number: number, facts: BeFacts = {}): BootEnvironment =>
  BootEnvironment.parse({
    name: beName(number),
    createdAt: NOW,
    origin: facts.origin ?? null,
    standsFor: facts.standsFor ?? null,
    ...(facts.startedAs === undefined ? {} : { startedAs: facts.startedAs }),
    members: [member('root', '/', `be-${String(number)}-root`), member('config', '/etc/app', `be-${String(number)}-config`)],
    data: [{ mountpoint: '/srv/files', data: dataName(facts.data ?? 1) }],
    bootSet: bootSetOf(facts.kernel ?? '6.1'),
    dataFormat: facts.dataFormat === undefined ? '1.0.0' : facts.dataFormat,
    confirmedAt: facts.confirmed === true ? NOW : null,
  })

/** @param copyOf the generation that it was cloned from */
export const data = (number: number, format: string | null = '1.0.0', role = 'data', copyOf?: number): DataVolume =>
  DataVolume.parse({
    ...(copyOf === undefined ? {} : { copyOf }),
    name: dataName(number),
    role,
    mountpoint: role === 'log' ? '/var/log' : '/srv/files',
    volume: { pool: POOL, guid: `data-${String(number)}`, locator: `data-${String(number)}` },
    format,
  })

export const session = (phase: string, facts: { readonly be?: number; readonly fallback?: number; readonly generation?: number } = {}): Session => ({
  operation: 'upgrade',
  phase,
  be: beName(facts.be ?? 1),
  fallback: beName(facts.fallback ?? 2),
  generation: generation(facts.generation ?? 1).id,
  owner: { pid: 1, startTime: '1' },
  startedAt: NOW,
  text: 'before upgrade to linux 6.2',
})

export const goodChoice = (good = 1): BootChoice => ({ good: beName(good), trial: null, attemptsLeft: 0, once: null })

interface Facts {
  readonly generations?: readonly Generation[]
  readonly bes?: readonly BootEnvironment[]
  readonly data?: readonly DataVolume[]
  readonly left?: readonly number[]
  readonly session?: Session | null
  readonly factory?: number | null
  readonly running?: number | null
  readonly choice?: BootChoice
  readonly occupied?: PlanningState['occupied']
  readonly bootSetInStep?: boolean
  readonly plainConfig?: readonly string[]
}

/** An appliance right after init, running its first boot environment, unless facts say otherwise. */
export const state = (facts: Facts = {}): PlanningState => {
  const generations = facts.generations ?? [generation(1, { kind: 'factory', health: 'confirmed' })]
  const bootEnvironments = facts.bes ?? [be(1, { confirmed: true }), be(2, { origin: 1, standsFor: 1 })]
  const volumes = facts.data ?? [data(1)]
  const index = Index.parse({
    format: { major: 1, minor: 0 },
    revision: 7,
    driver: 'btrfs',
    pool: POOL,
    next: {
      generation: 1 + Math.max(0, ...generations.map((record) => record.id)),
      be: 1 + Math.max(0, ...bootEnvironments.map((record) => numberOf(record.name))),
      data: 1 + Math.max(0, ...volumes.map((record) => numberOf(record.name))),
    },
    factory: facts.factory === undefined ? 1 : facts.factory,
    left: facts.left ?? [],
    session: facts.session ?? null,
    generations,
    bootEnvironments,
    data: volumes,
  })
  return {
    index,
    choice: facts.choice ?? goodChoice(),
    running: facts.running === null ? null : beName(facts.running ?? 1),
    occupied: facts.occupied ?? { generation: [], be: [], data: [] },
    bootSetInStep: facts.bootSetInStep ?? true,
    plainConfig: facts.plainConfig ?? [],
  }
}

export const context = (policy: Record<string, unknown> = {}): PlanContext => ({
  planId: '20261121T030000Z-00000001',
  now: NOW,
  actor: { uid: 0, user: 'root' },
  policy: Policy.parse({ format: 1, ...policy }),
})

export const kindsOf = (plan: Plan): string[] => plan.steps.map((step) => step.kind)

export const stepOf = <Kind extends Step['kind']>(plan: Plan, kind: Kind): Extract<Step, { kind: Kind }> => {
  const step = plan.steps.find((candidate): candidate is Extract<Step, { kind: Kind }> => candidate.kind === kind)
  if (step === undefined) throw new Error(`the plan has no ${kind}`)
  return step
}

/** The last choice that a plan writes: what GRUB does after it. */
export const finalChoice = (plan: Plan): BootChoice => {
  const choices = plan.steps.flatMap((step) => (step.kind === 'choice.write' ? [step.to] : []))
  const last = choices.at(-1)
  if (last === undefined) throw new Error('the plan writes no choice')
  return last
}

/** The changes to the index that a plan records, by their words. */
export const changesOf = (plan: Plan) => plan.steps.flatMap((step) => (step.kind === 'index.change' ? step.changes : []))

export const destroyedBy = (plan: Plan): string[] =>
  plan.steps.flatMap((step) => (step.kind === 'be.destroy' || step.kind === 'generation.destroy' || step.kind === 'data.destroy' ? [step.name] : [])).toSorted()

export const refusalOf = (
  work: () => unknown,
): { readonly code: string; readonly exitCode: number; readonly next: readonly string[]; readonly message: string } => {
  try {
    work()
  } catch (error) {
    return error as ReturnType<typeof refusalOf>
  }
  throw new Error('nothing was refused')
}

export const name = (number: number): BeName => beName(number)
