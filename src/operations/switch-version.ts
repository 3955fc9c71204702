import { type SwitchRequest, planSwitch } from '../snap/plan/switch-version.ts'
import type { Appliance } from './appliance.ts'
import { findMissing } from './find-missing.ts'
import { findPathsThatGoBack } from './find-paths-left-in-root.ts'
import { findUnreadable } from './pool-features.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay rollback` and `belay forward`: choose the version for the next boot. */
export const switchVersion = (
  appliance: Appliance,
  request: Omit<SwitchRequest, 'atomic' | 'unreadable' | 'missing' | 'pathsInRoot'>,
  conversation: Conversation,
): Promise<OperationResult> =>
  runOperation(
    appliance,
    request.direction,
    async (state, context) => {
      const [unreadable, pathsInRoot] = [await findUnreadable(appliance, state.index), await findPathsThatGoBack(appliance)]
      const missing = new Set((await findMissing(appliance, state.index)).bootEnvironments)
      return planSwitch(state, { ...request, atomic: appliance.driver.atomicSets, unreadable, missing, pathsInRoot }, context)
    },
    conversation,
  )
