import type { Appliance } from './appliance.ts'
import { diagnose } from './diagnosis/diagnose.ts'
import type { Diagnosis } from './diagnosis/finding.ts'
import { lockedByAnyPolicy } from './hold-lock.ts'
import { type Conversation, type Recovered, recoverInterrupted } from './run-operation.ts'

export interface Repair {
  readonly recovered: readonly Recovered[]
  readonly fixed: readonly string[]
  readonly remaining: readonly Diagnosis[]
}

/** `belay doctor --fix`: bring interrupted runs to an end, do what has one right answer, and say what is left. */
export const repair = (appliance: Appliance, conversation: Pick<Conversation, 'onEvent' | 'signal'>): Promise<Repair> =>
  lockedByAnyPolicy(appliance, 'doctor --fix', async () => {
    const isPolicyKnown = appliance.policyProblem === null
    const recovered = isPolicyKnown ? await recoverInterrupted(appliance, conversation) : []
    const fixed: string[] = []
    for (const { finding, fix } of await diagnose(appliance)) {
      // What is mended is made by policy, the boot menu and its kernel arguments above all: without one, only that is put back.
      if (fix === null || (!isPolicyKnown && finding.code !== 'policy')) continue
      await fix()
      fixed.push(finding.text)
    }
    if (fixed.length > 0) {
      await appliance.audit.append({
        at: appliance.clock.now().toISOString(),
        plan: 'doctor',
        operation: 'doctor',
        summary: fixed.join('; '),
        outcome: 'done',
        uid: appliance.actor.uid,
        user: appliance.actor.user,
        error: null,
        recovered: false,
      })
    }
    return { recovered, fixed, remaining: await diagnose(appliance) }
  })
