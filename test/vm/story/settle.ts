import type { Guest } from '../lab/guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'

/** Waits until the boot is over, and what follows from its health has been done. */
export const settle = async (guest: Guest): Promise<void> => {
  await guest.must('systemctl is-system-running --wait || :', { timeoutSeconds: LONG_SECONDS })
}
