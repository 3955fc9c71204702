import { describe, expect, it } from 'vitest'
import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { explainRunning } from '../../../src/operations/explain-running.ts'
import { loginMessage } from '../../../src/view/login-message.ts'
import { NOW, be, generation, goodChoice, name, session, state } from '../snap/plan/planning-state.ts'

const BOOT = 'boot-2'

type Facts = Parameters<typeof state>[0] & { readonly lastStart?: { readonly be: number; readonly why: string } }

/** Generation 2 is from before an upgrade, with standby be-000003; be-000001 runs unless facts say otherwise. */
const message = ({ lastStart, ...facts }: Facts = {}): string | null => {
  const { index, choice, running } = state({
    generations: [generation(1, { kind: 'factory' }), generation(2, { kind: 'before-upgrade' })],
    bes: [be(1, { confirmed: true }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2 })],
    ...facts,
  })
  const started = lastStart === undefined ? {} : { lastStart: { be: name(lastStart.be), at: NOW, bootId: BOOT, why: lastStart.why } }
  return loginMessage(explainRunning({ index: { ...index, ...started }, choice, running, bootId: BOOT }))
}

const choice = (good: number, trial: number | null, attemptsLeft: BootChoice['attemptsLeft'], once: number | null = null): BootChoice => ({
  good: name(good),
  trial: trial === null ? null : name(trial),
  attemptsLeft,
  once: once === null ? null : name(once),
})

describe('the login message', () => {
  it('is none when the newest version runs, is confirmed and boots next', () => {
    expect(message()).toBeNull()
  })

  const open = { be: 1, fallback: 3, generation: 2 }
  it.each<readonly [string, Facts, string]>([
    [
      'a trial after an upgrade',
      { session: { ...session('trial', open), bootId: 'boot-1' }, choice: choice(3, 1, 2) },
      'belay: be-000001: on trial after the upgrade to linux 6.2; 2 boots are left to confirm it.\n  belay confirm   to stay with it\n  belay rollback  to go back\n',
    ],
    [
      'the last boot of a trial',
      { session: session('trial', open), choice: choice(3, 1, 0) },
      'belay: be-000001: on trial after the upgrade to linux 6.2; this is its last boot before be-000003 comes back.\n  belay confirm   to stay with it\n  belay rollback  to go back\n',
    ],
    [
      'an upgrade that was not started yet',
      { session: { ...session('trial', open), bootId: BOOT }, choice: choice(3, 1, 3) },
      'belay: be-000001: the upgrade to linux 6.2 is done, and was not started yet.\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'an upgrade that is under way',
      { session: session('armed', open), choice: goodChoice(3) },
      'belay: be-000001: the upgrade to linux 6.2 is under way, or was interrupted.\n  The next boot starts be-000003, generation 2 (generation 2).\n  belay doctor  says what is wrong\n',
    ],
    [
      'an upgrade that failed, before the reboot',
      { session: session('failed', open), choice: goodChoice(3) },
      'belay: be-000001: the upgrade to linux 6.2 failed.\n  The next boot starts be-000003, generation 2 (generation 2).\n  systemctl reboot  to start what comes next\n',
    ],
    ...(['armed', 'failed'] as const).map((phase): readonly [string, Facts, string] => [
      `the version before an upgrade that is ${phase}`,
      { session: session(phase, open), choice: goodChoice(3), running: 3 },
      'belay: be-000003, generation 2 (generation 2): the upgrade to linux 6.2 was interrupted or failed, and this is the version of before.\n  What was written in the root and the configuration of be-000001 since 2026-11-21 03:00 UTC is kept with be-000001.\n  belay confirm  to stay with it\n',
    ]),
    [
      'what GRUB fell back to after the attempts of an upgrade',
      { session: session('trial', open), choice: choice(3, 1, 0), running: 3 },
      'belay: be-000003, generation 2 (generation 2): the upgrade to linux 6.2 was not confirmed in time, and this is what GRUB fell back to.\n  belay confirm  to stay with it\n',
    ],
    [
      'what GRUB fell back to after the attempts of a rollback',
      { choice: choice(1, 3, 0), left: [2] },
      'belay: be-000001, generation 1 (generation 1): the trial of be-000003 was not confirmed in time, and this is what GRUB fell back to.\n  belay confirm  to stay with it\n',
    ],
    [
      'a rollback that waits for its reboot',
      { choice: choice(1, 3, 3), left: [1] },
      'belay: be-000001, generation 1 (generation 1): confirmed.\n  The next boot starts be-000003, generation 2 (generation 2).\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'one boot that waits',
      { choice: choice(1, null, 0, 3) },
      'belay: be-000001, generation 1 (generation 1): confirmed.\n  The next boot starts be-000003, generation 2 (generation 2).\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'the trial of a rollback',
      { choice: choice(1, 3, 1), running: 3, left: [1] },
      'belay: be-000003, generation 2 (generation 2): on trial; 1 boot is left to confirm it.\n  belay confirm  to stay with it\n  belay forward  to return to generation 1\n',
    ],
    [
      'a confirmed version that is not the newest',
      { choice: goodChoice(3), running: 3, left: [1] },
      'belay: be-000003, generation 2 (generation 2): confirmed; generation 1 was left behind.\n  belay forward  to return to generation 1\n',
    ],
    [
      'the version before an upgrade whose trial was given up',
      { session: session('trial', open), choice: goodChoice(3), running: 3, left: [1] },
      'belay: be-000003, generation 2 (generation 2): the upgrade to linux 6.2 was taken back.\n  belay confirm  to stay with it\n  belay forward  to return to generation 1\n',
    ],
    [
      'a version that was picked for one boot',
      { running: 2 },
      'belay: be-000002, generation 1 (generation 1): picked for this boot alone.\n  The next boot starts be-000001, generation 1 (generation 1).\n  belay confirm  to stay with it\n',
    ],
    [
      'an upgraded version whose trial was given up and that waits for its reboot',
      { session: session('trial', open), choice: goodChoice(3), left: [1] },
      'belay: be-000001: the upgrade to linux 6.2 was taken back.\n  The next boot starts be-000003, generation 2 (generation 2).\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'a trial that another version was chosen over',
      { running: 3, lastStart: { be: 3, why: 'trial' } },
      'belay: be-000003, generation 2 (generation 2): another version was chosen.\n  The next boot starts be-000001, generation 1 (generation 1).\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'a version that was picked, as the record of its boot has it',
      { running: 3, lastStart: { be: 3, why: 'picked' } },
      'belay: be-000003, generation 2 (generation 2): picked for this boot alone.\n  The next boot starts be-000001, generation 1 (generation 1).\n  belay confirm  to stay with it\n',
    ],
    [
      'a machine that was adopted and not started since',
      { running: null },
      'belay: belay’s first version waits for the next boot; what is written until then stays behind.\n  The next boot starts be-000001, generation 1 (generation 1).\n  systemctl reboot  to start what comes next\n',
    ],
    [
      'a root that is none of belay’s',
      { running: null, lastStart: { be: 1, why: 'confirmed' } },
      'belay: the root that runs is none of belay’s.\n  The next boot starts be-000001, generation 1 (generation 1).\n  belay doctor  says what is wrong\n',
    ],
  ])('says why, what comes next, and the command: %s', (_, facts, expected) => {
    expect(message({ factory: null, ...facts })).toBe(expected)
  })

  it('says why a trial failed, with the last that was written, and what is kept with it', () => {
    const faults = [{ check: 'units', text: 'acme.service has failed', lines: ['acme.service: cannot read 3.0.0'] }]
    const { index, choice: next } = state({ session: session('trial', { be: 1, fallback: 2 }), choice: choice(2, 1, 0), running: 2 })
    const trialHealth = { be: name(1), at: NOW, bootId: 'boot-1', healthyBoots: 0, faults, since: '2026-11-20T20:00:00.000Z', dataLeft: ['/srv/files'] }
    const facts = explainRunning({ index: { ...index, trialHealth }, choice: next, running: name(2), bootId: BOOT })
    expect(loginMessage(facts)).toBe(
      'belay: be-000002, generation 1 (generation 1): the upgrade to linux 6.2 failed (acme.service has failed), and this is what GRUB fell back to.\n' +
        '    acme.service: cannot read 3.0.0\n' +
        '  What was written in /srv/files, the root of be-000001 from 2026-11-20 20:00 UTC to 2026-11-21 03:00 UTC is kept with be-000001.\n' +
        '  belay confirm  to stay with it\n',
    )
  })

  it('says that a confirmed version is not healthy, in the boot that was found so', () => {
    const { index, choice: next } = state()
    const bootHealth = { be: name(1), at: NOW, bootId: BOOT, faults: [{ check: 'writable', text: '/ can only be read', lines: [] }] }
    const told = (bootId: string) => loginMessage(explainRunning({ index: { ...index, bootHealth }, choice: next, running: name(1), bootId }))
    expect(told(BOOT)).toBe(
      'belay: be-000001, generation 1 (generation 1): confirmed.\n  This version is not healthy: / can only be read.\n  belay health  looks again at what is wrong\n',
    )
    expect(told('boot-3')).toBeNull()
  })

  it('says that the boot choice is lost, with nothing but what runs', () => {
    expect(loginMessage(explainRunning({ index: null, choice: null, running: name(1), bootId: BOOT }))).toBe(
      'belay: be-000001: the boot choice is lost.\n  belay doctor  says what is wrong\n',
    )
  })
})
