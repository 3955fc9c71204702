import { z } from 'zod'
import { BeName } from '../snap/names.ts'

/** What the env block on the GRUB partition says: the one record of which boot environment is next. */
export const BootChoice = z.object({
  /** The last confirmed boot environment: started when nothing else is asked for, or when a trial has used up its attempts. */
  good: BeName,
  /** Activated and not yet confirmed. */
  trial: BeName.nullable(),
  attemptsLeft: z.literal([0, 1, 2, 3]),
  /** Started at the next boot alone; GRUB clears it before it starts anything. */
  once: BeName.nullable(),
})
export type BootChoice = z.infer<typeof BootChoice>

export type BootReason = 'once' | 'trial' | 'good'

/** Which boot environment GRUB starts next, given that everything it needs is in place (grub-cfg.ts has the same ladder in GRUB's language). */
export function nextBoot(choice: BootChoice): { readonly be: BeName; readonly why: BootReason } {
  if (choice.once !== null) return { be: choice.once, why: 'once' }
  if (choice.trial !== null && choice.attemptsLeft > 0) return { be: choice.trial, why: 'trial' }
  return { be: choice.good, why: 'good' }
}
