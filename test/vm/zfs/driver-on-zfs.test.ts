import { describe, expect, it } from 'vitest'
import { runVitest } from './run-vitest.ts'
import { withZfsGuest } from './zfs-guest.ts'

/** Modules and image take up to half an hour the first time. */
const LIMIT_MS = 3 * 60 * 60_000

describe('OpenZFS in a guest', () => {
  it('passes every case of the project zfs', { timeout: LIMIT_MS }, async () => {
    await withZfsGuest(async (guest) => {
      const { passed, skipped, failures } = await runVitest(guest, ['--project', 'zfs'], { timeoutSeconds: 2 * 60 * 60 })
      console.log(`in the guest, ${String(passed)} cases passed, ${String(failures.length)} failed, ${String(skipped)} were skipped`)
      expect(failures.join('\n\n')).toBe('')
      expect(passed).toBeGreaterThan(0)
    })
  })
})
