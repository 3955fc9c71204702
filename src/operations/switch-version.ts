import { type SwitchRequest, planSwitch } from '../snap/plan/switch-version.ts'
import type { Appliance } from './appliance.ts'
import { findPathsLeftInRoot } from './find-paths-left-in-root.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay rollback` and `belay forward`: choose the version for the next boot. */
export const switchVersion = (appliance: Appliance, request: Omit<SwitchRequest, 'atomic'>, conversation: Conversation): Promise<OperationResult> =>
  runOperation(
    appliance,
    request.direction,
    async (state, context) => {
      const plan = planSwitch(state, { ...request, atomic: appliance.driver.atomicSets }, context)
      const left = await findPathsLeftInRoot(appliance)
      return left.length === 0
        ? plan
        : {
            ...plan,
            notices: [
              ...plan.notices,
              ...left.map(({ path, why }) => `${path} (${why}) lies in root and goes with the version: what was written there since then stays behind`),
            ],
          }
    },
    conversation,
  )
