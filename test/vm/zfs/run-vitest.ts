import { quote } from '../lab/guest.ts'
import { GUEST_CHECKOUT } from './checkout.ts'
import { sendCheckout } from './send-checkout.ts'
import { parseVitestReport, type VitestRun } from './vitest-report.ts'
import type { ZfsGuest } from './zfs-guest.ts'

/** In the guest. */
const REPORT = '/run/vitest.json'
/** Its first serial line, where progress is written. */
const CONSOLE = '/dev/ttyS0'
/** An emulated processor spends less time when Node reads TypeScript by itself: vite's own way took half as long again for a small file. */
const PLAIN_NODE = ['--configLoader=native', '--experimental.viteModuleRunner=false', '--experimental.nodeLoader=false']

/**
 * Runs vitest in the guest on the checkout as it is now, and waits for it, for an hour by default.
 * @param args of `vitest run`: a project, files, `-t` with part of a name
 * @throws GuestError when it does not end in time; Error when it leaves no report. Failed cases are no errors
 */
export async function runVitest(guest: ZfsGuest, args: readonly string[], { timeoutSeconds = 3600 } = {}): Promise<VitestRun> {
  await sendCheckout(guest)
  const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${REPORT}`, '--no-color']
  const command = ['node_modules/.bin/node', 'node_modules/vitest/vitest.mjs', 'run', ...PLAIN_NODE, ...args, ...reporters].map(quote).join(' ')
  const { status } = await guest.run(`rm -f ${REPORT}; cd ${GUEST_CHECKOUT} && CI=true ${command} >${CONSOLE} 2>&1`, { timeoutSeconds })
  const report = await guest.must(`cat ${REPORT} 2>/dev/null || true`)
  if (report === '') throw new Error(`vitest ended with status ${String(status)} and without a report`)
  return parseVitestReport(report, status)
}
