import type { Guest } from '../lab/guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'

/**
 * Waits until the boot is over, and what follows from its health has been done. systemd that starts itself anew meanwhile (a trial's watch has it do so)
 * cuts off who waits for it, which systemctl 257 tells as `unknown`.
 */
export const settle = async (guest: Guest): Promise<void> => {
  await guest.must('while [ "$(systemctl is-system-running --wait)" = unknown ]; do :; done', { timeoutSeconds: LONG_SECONDS })
}
