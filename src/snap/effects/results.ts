import { z } from 'zod'
import { BugError } from '../../errors.ts'
import type { Results } from '../executor.ts'
import { BootSetRecord, Member, PackageSummary, Volume } from '../model.ts'
import type { FromStep } from '../plan/step.ts'

/** What steps leave for later steps; it went through the journal, so it is parsed again. */
const parsed = <Type extends z.ZodType>(schema: Type, results: Results, from: FromStep): z.infer<Type> => {
  const result = schema.safeParse(results.get(from.step))
  if (!result.success) throw new BugError(`step ${from.step} left no such result`, { cause: result.error })
  return result.data
}

const Members = z.array(Member)
const Description = z.object({ packages: PackageSummary, dataFormat: z.string().nullable() })

const Stopped = z.object({ from: z.string() })
const Started = Stopped.extend({ to: z.string() })

const Decided = z.object({
  decisions: z.array(z.object({ subject: z.string(), answer: z.string(), why: z.string() })),
  answers: z.array(z.object({ package: z.string(), question: z.string(), type: z.string(), value: z.string() })),
})

export const decidedFrom = (results: Results, from: FromStep): z.infer<typeof Decided> => parsed(Decided, results, from)
export const membersFrom = (results: Results, from: FromStep): Member[] => parsed(Members, results, from)
export const memberFrom = (results: Results, from: FromStep): Member => parsed(Member, results, from)
export const volumeFrom = (results: Results, from: FromStep): Volume => parsed(Volume, results, from)
export const bootSetFrom = (results: Results, from: FromStep): BootSetRecord => parsed(BootSetRecord, results, from)
export const descriptionFrom = (results: Results, from: FromStep): z.infer<typeof Description> => parsed(Description, results, from)
export const stoppedFrom = (results: Results, from: FromStep): z.infer<typeof Stopped> => parsed(Stopped, results, from)
export const startedFrom = (results: Results, from: FromStep): z.infer<typeof Started> => parsed(Started, results, from)

/** The volume of the root that a clone step made, or a known one. */
export const rootVolumeFrom = (results: Results, root: Volume | FromStep): Volume => {
  if (!('step' in root) || typeof root.step !== 'string') return Volume.parse(root)
  const member = membersFrom(results, { step: root.step }).find((candidate) => candidate.role === 'root')
  if (member === undefined) throw new BugError(`step ${root.step} made no root`)
  return member.volume
}

/** A volume that is known, or that an earlier step made. */
export const volumeOrFrom = (results: Results, volume: Volume | FromStep): Volume =>
  'step' in volume && typeof volume.step === 'string' ? volumeFrom(results, { step: volume.step }) : Volume.parse(volume)
