import { type BootChoice, nextBoot } from '../../boot/boot-choice.ts'
import type { Generation, Index } from '../model.ts'
import type { BeName, GenerationId } from '../names.ts'
import { isKept, keptText } from './hold.ts'
import { versionOf } from './lineage.ts'
import type { PlanningState } from './state.ts'

/** Why a generation stays. */
export interface Protection {
  readonly code: string
  readonly why: string
  readonly next: string
}

/** Boot environments that GRUB may start by itself, or that run now. */
export const neededBes = (choice: BootChoice, running: BeName | null, index: Index): ReadonlySet<BeName> =>
  new Set(
    [choice.good, choice.trial, choice.once, nextBoot(choice).be, running, index.session?.be ?? null, index.session?.fallback ?? null].filter(
      (name) => name !== null,
    ),
  )

const lastConfirmed = (index: Index): GenerationId | null => index.generations.findLast((generation) => generation.health === 'confirmed')?.id ?? null

/** Why a generation survives every command and every rule; null when it does not. */
export const protectionOf = (state: PlanningState, generation: Generation, now: string): Protection | null => {
  const { index } = state
  const id = String(generation.id)
  if (index.factory === generation.id)
    return { code: 'factory', why: `generation ${id} is the factory generation, which stays as long as the appliance`, next: 'belay list' }
  if (isKept(generation, now)) return { code: 'kept', why: `generation ${id} is ${keptText(generation) ?? 'kept'}`, next: `belay keep ${id} --off` }
  if (lastConfirmed(index) === generation.id)
    return {
      code: 'last-confirmed',
      why: `generation ${id} is the last confirmed one`,
      next: index.session?.phase === 'failed' ? 'systemctl reboot' : 'belay snapshot, then try again',
    }
  if (index.session?.generation === generation.id)
    return { code: 'session', why: `generation ${id} is the restore point of the open upgrade`, next: 'belay confirm' }
  const standing = index.bootEnvironments.find(
    (be) => be.standsFor === generation.id && neededBes(state.choice, state.running, index).has(be.name) && be.name !== state.running,
  )
  if (standing !== undefined)
    return { code: 'boots', why: `generation ${id} is what GRUB starts as ${standing.name}`, next: 'belay confirm, or choose another version first' }
  return null
}

/** Why a generation survives every rule; a person who names it may take more of them. */
export const protectionFromRules = (state: PlanningState, generation: Generation, now: string): Protection | null => {
  const { index, running } = state
  const id = String(generation.id)
  const protection = protectionOf(state, generation, now)
  if (protection !== null) return protection
  if (index.left.includes(generation.id)) return { code: 'left', why: `generation ${id} was left, and forward leads to it`, next: `belay delete ${id}` }
  const be = index.bootEnvironments.find(({ name }) => name === running)
  return be !== undefined && (versionOf(index, be) === generation.id || be.standsFor === generation.id)
    ? { code: 'running', why: `generation ${id} is the running version`, next: `belay delete ${id}` }
    : null
}
