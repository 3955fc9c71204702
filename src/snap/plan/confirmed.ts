import { RefusedError } from '../../errors.ts'
import type { Check } from './plan.ts'
import { type PlanningState, refuseDuringSession, runningBe } from './state.ts'

/** What runs is the last confirmed version, and nothing else was chosen: the only state from which an upgrade begins. @throws RefusedError */
export const checkConfirmed = (state: PlanningState, operation: string): Check => {
  refuseDuringSession(state, operation)
  if (state.choice.trial !== null) {
    throw new RefusedError('trial', `${state.choice.trial} is on trial and not yet confirmed`, {
      next: ['belay confirm   (when the machine is healthy)', `belay ${state.index.left.length > 0 ? 'forward ' : 'rollback'}  (when it is not)`],
    })
  }
  const running = runningBe(state)
  if (state.choice.good !== running.name) {
    throw new RefusedError('not-confirmed', `${running.name} runs, but GRUB starts ${state.choice.good}: what runs now was picked for one boot`, {
      next: ['belay confirm', 'systemctl reboot'],
    })
  }
  if (state.choice.once !== null)
    throw new RefusedError('once', `${state.choice.once} was chosen for the next boot`, { next: ['systemctl reboot', 'belay confirm'] })
  return { name: 'no trial', detail: `${running.name} is confirmed` }
}
