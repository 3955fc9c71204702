import type { Guest } from '../lab/guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'

/** What systemctl says when the boot is over, or is not going to be. */
const OVER = 'running | degraded | maintenance | stopping'

/**
 * Waits until the boot is over, and what follows from its health has been done. systemd that starts itself anew meanwhile (a trial's watch has it do so)
 * refuses who asks, and cuts off who waits, which systemctl 257 tells as `unknown`.
 */
export const settle = async (guest: Guest): Promise<void> => {
  const script = `until case $(systemctl is-system-running --wait 2>/dev/null) in ${OVER}) true ;; *) false ;; esac; do sleep 1; done`
  await guest.must(script, { timeoutSeconds: LONG_SECONDS })
}
