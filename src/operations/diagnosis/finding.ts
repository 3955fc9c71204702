import { z } from 'zod'
import type { BootChoice } from '../../boot/boot-choice.ts'
import type { Index } from '../../snap/model.ts'
import type { BeName } from '../../snap/names.ts'
import type { Appliance } from '../appliance.ts'

export const Finding = z.object({
  code: z.string(),
  /** `reboot` is the one finding of a healthy machine that waits for its reboot; notes need nothing done. */
  severity: z.enum(['problem', 'reboot', 'note']),
  text: z.string(),
  remedy: z.string().describe('the exact command, or what to do'),
  fixable: z.boolean().describe('whether belay doctor --fix does it'),
})
export type Finding = z.infer<typeof Finding>

/** A finding with what `--fix` does about it. */
export interface Diagnosis {
  readonly finding: Finding
  readonly fix: (() => Promise<void>) | null
}

/** What is known before the first check. */
export interface Facts {
  readonly index: Index
  readonly choice: BootChoice | null
  readonly running: BeName | null
}

export type Check = (appliance: Appliance, facts: Facts) => Promise<Diagnosis[]>

export const problem = (code: string, text: string, remedy: string): Diagnosis => ({
  finding: { code, severity: 'problem', text, remedy, fixable: false },
  fix: null,
})
export const fixable = (code: string, text: string, fix: () => Promise<void>): Diagnosis => ({
  finding: { code, severity: 'problem', text, remedy: 'belay doctor --fix', fixable: true },
  fix,
})
export const note = (code: string, text: string, remedy: string): Diagnosis => ({
  finding: { code, severity: 'note', text, remedy, fixable: false },
  fix: null,
})

/** A finding that is only worth a word, and that `--fix` sees to all the same. */
export const fixableNote = (code: string, text: string, remedy: string, fix: () => Promise<void>): Diagnosis => ({
  finding: { code, severity: 'note', text, remedy, fixable: true },
  fix,
})
/** All is well and the machine waits for its reboot. */
export const rebootPending = (text: string): Diagnosis => ({
  finding: { code: 'reboot-pending', severity: 'reboot', text, remedy: 'systemctl reboot', fixable: false },
  fix: null,
})
