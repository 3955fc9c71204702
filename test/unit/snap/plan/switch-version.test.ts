import { describe, expect, it } from 'vitest'
import { dataName } from '../../../../src/snap/names.ts'
import { type SwitchRequest, planSwitch } from '../../../../src/snap/plan/switch-version.ts'
import { be, changesOf, context, data, finalChoice, generation, goodChoice, kindsOf, name, refusalOf, session, state, stepOf } from './planning-state.ts'

const rollback: SwitchRequest = {
  direction: 'rollback',
  id: null,
  keepConfig: false,
  withData: false,
  once: false,
  force: false,
  atomic: false,
  unreadable: new Map(),
  missing: new Set(),
  pathsInRoot: [],
}
const forward: SwitchRequest = { ...rollback, direction: 'forward' }

/** After an upgrade that was confirmed: generation 2 from before it with standby be-000003, generation 3 from after it with standby be-000004. */
const upgraded = (facts: Parameters<typeof state>[0] = {}) =>
  state({
    generations: [
      generation(1, { kind: 'factory', health: 'confirmed' }),
      generation(2, { kind: 'before-upgrade', health: 'confirmed' }),
      generation(3, { kind: 'after-upgrade', health: 'confirmed', kernel: '6.2' }),
    ],
    bes: [
      be(1, { confirmed: true, kernel: '6.2' }),
      be(2, { origin: 1, standsFor: 1 }),
      be(3, { origin: 2, standsFor: 2 }),
      be(4, { origin: 3, standsFor: 3, kernel: '6.2' }),
    ],
    ...facts,
  })

/** Rolled back from there to generation 2: be-000003 runs, be-000001 was left as generation 4. */
const rolledBack = (facts: Parameters<typeof state>[0] = {}) =>
  upgraded({
    generations: [...upgraded().index.generations, generation(4, { kind: 'before-rollback', health: 'confirmed', kernel: '6.2' })],
    bes: [be(1, { confirmed: true, kernel: '6.2', standsFor: 4 }), ...upgraded().index.bootEnvironments.slice(1)],
    running: 3,
    choice: { good: name(1), trial: name(3), attemptsLeft: 2, once: null },
    left: [4],
    ...facts,
  })

describe('rollback', () => {
  it('goes to the version before the last upgrade, on trial, with what runs now as its fallback', () => {
    const plan = planSwitch(upgraded(), rollback, context())
    expect(finalChoice(plan)).toEqual({ good: name(1), trial: name(3), attemptsLeft: 3, once: null })
    expect(plan.commit).toBe('switch')
    expect(plan.summary).toContain('generation 2')
  })

  it('takes what runs now as a generation first, which the running boot environment then stands for', () => {
    const plan = planSwitch(upgraded(), rollback, context())
    expect(stepOf(plan, 'generation.take').name).toBe('gen-000004')
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'be-stands-for', name: name(1), standsFor: { from: null, to: 4 } } })
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [], to: [4] } } })
  })

  it('uses the standby as it is: nothing is cloned and nothing destroyed', () => {
    const kinds = kindsOf(planSwitch(upgraded(), rollback, context()))
    expect(kinds).not.toContain('be.clone')
    expect(kinds.filter((kind) => kind.endsWith('.destroy'))).toEqual([])
  })

  it('switches in one write, after everything else is recorded', () => {
    const kinds = kindsOf(planSwitch(upgraded(), rollback, context()))
    expect(kinds.filter((kind) => kind === 'choice.write')).toHaveLength(1)
    expect(kinds.indexOf('choice.write')).toBeGreaterThan(kinds.indexOf('index.change'))
    expect(kinds.indexOf('choice.write')).toBeGreaterThan(kinds.indexOf('menu.write'))
  })

  it('does not go to a version whose ZFS cannot read the pool any more, whether it is there or would be cloned', () => {
    const unreadable = new Map([[name(3), ['longname', 'fast_dedup']]])
    expect(refusalOf(() => planSwitch(upgraded(), { ...rollback, unreadable }, context()))).toMatchObject({
      code: 'pool-features',
      message: expect.stringContaining('the pool uses longname, fast_dedup') as string,
    })
    expect(refusalOf(() => planSwitch(upgraded(), { ...rollback, unreadable, keepConfig: true }, context()))).toMatchObject({ code: 'pool-features' })
    expect(planSwitch(upgraded(), { ...rollback, unreadable: new Map([[name(1), ['longname']]]) }, context()).commit).toBe('switch')
  })

  it('has no default when there was no upgrade', () => {
    expect(refusalOf(() => planSwitch(state(), rollback, context()))).toMatchObject({ exitCode: 13 })
  })

  it('goes a further upgrade back from a version that was itself rolled back to', () => {
    const twice = upgraded({
      generations: [
        generation(1, { kind: 'factory', health: 'confirmed' }),
        generation(2, { kind: 'before-upgrade' }),
        generation(3, { kind: 'before-upgrade' }),
      ],
      bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2 }), be(4, { origin: 3, standsFor: null })],
      running: 4,
      choice: goodChoice(4),
    })
    expect(planSwitch(twice, rollback, context()).summary).toContain('generation 2')
  })

  it('goes to the restore point while the upgrade is on trial', () => {
    const onTrial = upgraded({
      session: session('trial', { be: 1, fallback: 3, generation: 2 }),
      choice: { good: name(3), trial: name(1), attemptsLeft: 2, once: null },
    })
    const plan = planSwitch(onTrial, rollback, context())
    expect(finalChoice(plan)).toEqual(goodChoice(3))
  })

  it.each(['armed', 'failed'])('is refused while an upgrade is %s', (phase) => {
    expect(refusalOf(() => planSwitch(upgraded({ session: session(phase) }), rollback, context()))).toMatchObject({ code: `session/${phase}`, exitCode: 10 })
  })

  it('does not go to what runs now', () => {
    expect(refusalOf(() => planSwitch(rolledBack({ choice: goodChoice(3) }), { ...rollback, id: 2 }, context()))).toMatchObject({ code: 'already-there' })
  })

  it('to what runs now cancels a switch that waits for its reboot', () => {
    const pending = rolledBack({ running: 1 })
    const plan = planSwitch(pending, { ...rollback, id: 4 }, context())
    expect(finalChoice(plan)).toEqual(goodChoice(1))
    expect(kindsOf(plan)).not.toContain('generation.take')
  })

  it('takes what runs now once when the operator changes their mind before the reboot', () => {
    const plan = planSwitch(rolledBack({ running: 1 }), { ...rollback, id: 1 }, context())
    expect(kindsOf(plan)).not.toContain('generation.take')
    expect(finalChoice(plan).trial).toBe(name(2))
    expect(changesOf(plan)).toEqual([])
  })

  it('for one boot changes nothing else', () => {
    const plan = planSwitch(upgraded(), { ...rollback, once: true }, context())
    expect(finalChoice(plan)).toEqual({ good: name(1), trial: null, attemptsLeft: 0, once: name(3) })
    expect(kindsOf(plan)).toEqual(['identity.carry', 'menu.write', 'choice.write', 'reboot.note'])
  })

  it('gives the version that will boot the machine’s own files before the switch, by what policy lists', () => {
    const plan = planSwitch(upgraded(), rollback, context({ identity: ['/etc/machine-id'] }))
    expect(stepOf(plan, 'identity.carry')).toMatchObject({ be: name(3), paths: ['/etc/machine-id'] })
    const kinds = kindsOf(plan)
    expect(kinds.indexOf('identity.carry')).toBeLessThan(kinds.indexOf('choice.write'))
    const fresh = kindsOf(planSwitch(upgraded(), { ...rollback, keepConfig: true }, context()))
    expect(fresh.indexOf('identity.carry')).toBeGreaterThan(fresh.indexOf('be.clone'))
    expect(stepOf(planSwitch(rolledBack(), forward, context()), 'identity.carry').be).toBe(name(1))
  })

  it('gives no files to what runs already', () => {
    expect(kindsOf(planSwitch(rolledBack({ running: 1 }), { ...rollback, id: 4 }, context()))).not.toContain('identity.carry')
  })

  it('clones a standby anew that was started since, and says that it stays', () => {
    const tried = upgraded({
      bes: upgraded().index.bootEnvironments.map((record) => (record.name === name(3) ? be(3, { origin: 2, standsFor: 2, startedAs: 2 }) : record)),
    })
    const plan = planSwitch(tried, rollback, context())
    expect(stepOf(plan, 'be.clone').name).toBe(name(5))
    expect(finalChoice(plan).trial).toBe(name(5))
    expect(plan.notices.join('\n')).toContain('be-000003 was started since it was cloned')
  })

  it('stays in a standby that runs, although it was started', () => {
    const picked = upgraded({
      bes: upgraded().index.bootEnvironments.map((record) => (record.name === name(3) ? be(3, { origin: 2, standsFor: 2, startedAs: 2 }) : record)),
      running: 3,
    })
    expect(finalChoice(planSwitch(picked, { ...rollback, id: 2 }, context())).trial).toBe(name(3))
  })

  it('takes what runs again when it was started since it was left', () => {
    const back = rolledBack({
      running: 1,
      bes: [be(1, { confirmed: true, kernel: '6.2', standsFor: 4, startedAs: 4 }), ...upgraded().index.bootEnvironments.slice(1)],
    })
    expect(kindsOf(planSwitch(back, { ...rollback, id: 1 }, context()))).toContain('generation.take')
  })

  it('takes the configuration of now along when asked, in a clone of its own', () => {
    const plan = planSwitch(upgraded(), { ...rollback, keepConfig: true }, context())
    const clone = stepOf(plan, 'be.clone')
    expect(clone).toMatchObject({
      name: name(5),
      sources: [
        { role: 'root', volume: { guid: 'gen-2-root' } },
        { role: 'config', volume: { guid: 'be-1-config' } },
      ],
    })
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({ planned: 'add-be', draft: expect.objectContaining({ name: name(5), origin: 2, standsFor: null }) as unknown }),
    )
    expect(finalChoice(plan).trial).toBe(name(5))
  })

  it('shares the boot set of a boot environment with the same kernel and initrd, and else builds one', () => {
    expect(stepOf(planSwitch(upgraded(), { ...rollback, keepConfig: true }, context()), 'boot-set.share').from).toBe(name(2))
    const lone = upgraded({ bes: [be(1, { confirmed: true, kernel: '6.2' })] })
    expect(stepOf(planSwitch(lone, rollback, context()), 'boot-set.build').be).toBe(name(2))
  })

  it('brings back the data of that time in a copy, and leaves the data of now', () => {
    const withData = upgraded({ generations: [generation(1), generation(2, { kind: 'before-upgrade', withData: true }), generation(3)] })
    const plan = planSwitch(withData, { ...rollback, withData: true }, context())
    expect(stepOf(plan, 'data.clone')).toMatchObject({ name: 'data-000002', from: { guid: 'gen-2-data' } })
    expect(stepOf(plan, 'data.bind').uses).toEqual([{ mountpoint: '/srv/files', data: 'data-000002', volume: { step: 'copy-data-000002' } }])
    expect(kindsOf(plan)).not.toContain('data.destroy')
  })

  it('is refused with data that the generation does not hold', () => {
    expect(refusalOf(() => planSwitch(upgraded(), { ...rollback, withData: true }, context()))).toMatchObject({ code: 'no-data-in-generation' })
  })

  it('leaves the data alone also where the standby was given a copy of its own', () => {
    const copied = upgraded({
      generations: [generation(1), generation(2, { kind: 'before-upgrade', withData: true }), generation(3)],
      bes: [be(1, { kernel: '6.2' }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2, data: 2 })],
      data: [data(1), data(2)],
    })
    const plan = planSwitch(copied, rollback, context())
    expect(finalChoice(plan).trial).toBe(name(4))
    expect(stepOf(plan, 'data.bind').uses).toMatchObject([{ data: 'data-000001', volume: { guid: 'data-1' } }])
  })

  it('is refused, with the hours between, when the version cannot read the data of now', () => {
    const raised = upgraded({
      generations: [generation(1), generation(2, { kind: 'before-upgrade', withData: true, createdAt: '2026-11-19T00:00:00.000Z' }), generation(3)],
      bes: [be(1, { dataFormat: '2.0.0' }), be(3, { origin: 2, standsFor: 2, data: 2 })],
      data: [data(1, '2.0.0'), data(2)],
    })
    const refusal = refusalOf(() => planSwitch(raised, rollback, context()))
    expect(refusal).toMatchObject({ code: 'data-format', exitCode: 10, data: { hours: 51, unreadable: ['/srv/files'] } })
    expect(refusal.next.join('\n')).toContain('/srv/files (now data-1) back 2 days and 3 hours')
    const forced = planSwitch(raised, { ...rollback, force: true }, context())
    expect(forced.notices.join('\n')).toContain('--force')
  })

  it('spells out for each data volume what it leaves behind, where that is kept and what brings it back', () => {
    const held = upgraded({
      generations: [generation(1), generation(2, { kind: 'before-upgrade', withData: true, createdAt: '2026-11-19T00:00:00.000Z' }), generation(3)],
    })
    const plan = planSwitch(held, { ...rollback, withData: true }, context())
    expect(plan.leavesBehind).toEqual([
      { path: '/srv/files', role: 'data', be: name(1), volume: 'data-1', since: '2026-11-19T00:00:00.000Z', hours: 51, wayBack: 'belay forward 4' },
    ])
    expect(plan.notices).toEqual([
      '/srv/files goes back 2 days and 3 hours, to 2026-11-19 00:00 UTC; what was written there since is kept in data-1 (be-000001): belay forward 4 brings it back',
    ])
    const once = planSwitch(held, { ...rollback, withData: true, once: true }, context())
    expect(once.leavesBehind).toMatchObject([{ wayBack: null }])
    expect(once.notices.join()).toContain('the next boot of be-000001 brings it back')
    expect(planSwitch(held, rollback, context()).leavesBehind).toEqual([])
  })

  it('says of which volumes the generation holds nothing', () => {
    const [running = be(1), ...others] = upgraded().index.bootEnvironments
    const two = upgraded({
      generations: [generation(1), generation(2, { kind: 'before-upgrade', withData: true }), generation(3)],
      bes: [{ ...running, data: [...running.data, { mountpoint: '/srv/db', data: dataName(2) }] }, ...others],
      data: [data(1), data(2)],
    })
    const plan = planSwitch(two, { ...rollback, withData: true }, context())
    expect(plan.notices).toContain('generation 2 holds nothing of /srv/db, which stays as it is now')
    expect(plan.leavesBehind?.map(({ path }) => path)).toEqual(['/srv/files'])
  })

  it('names paths that stay in root with the age of what goes back in them', () => {
    const pathsInRoot = [{ path: '/var/lib/acme-cache', why: 'in root by policy' }]
    const plan = planSwitch(upgraded(), { ...rollback, pathsInRoot }, context())
    expect(plan.leavesBehind).toMatchObject([{ path: '/var/lib/acme-cache', role: 'root', volume: 'be-1-root', hours: 216, wayBack: 'belay forward 4' }])
    expect(plan.notices.join('\n')).toContain(
      '/var/lib/acme-cache (in root by policy) lies in root and goes back with it 9 days, to 2026-11-12 03:00 UTC; what was written there since is kept in be-1-root',
    )
    expect(planSwitch(rolledBack({ running: 1 }), { ...rollback, id: 4, pathsInRoot }, context()).leavesBehind).toEqual([])
  })

  it('does not mind the format of a log volume', () => {
    const logs = upgraded({ data: [data(1, '9.0.0', 'log')] })
    expect(() => planSwitch(logs, rollback, context())).not.toThrow()
  })

  it('refuses a root that is none of belay’s', () => {
    expect(refusalOf(() => planSwitch(upgraded({ running: null }), rollback, context()))).toMatchObject({ code: 'not-a-boot-environment' })
  })

  it('does not know a generation that does not exist', () => {
    expect(refusalOf(() => planSwitch(upgraded(), { ...rollback, id: 99 }, context()))).toMatchObject({ exitCode: 13 })
  })

  it.each([1, 2, 3] as const)('has as many attempts as policy gives: %i', (attempts) => {
    expect(finalChoice(planSwitch(upgraded(), rollback, context({ trial: { attempts } }))).attemptsLeft).toBe(attempts)
  })

  it('brings the boot set of what runs in step before it is left', () => {
    const plan = planSwitch(upgraded({ bootSetInStep: false }), rollback, context())
    expect(stepOf(plan, 'boot-set.build')).toMatchObject({ be: name(1), root: { guid: 'be-1-root' } })
  })

  it('remakes a config member that a purge removed before it is left', () => {
    const plan = planSwitch(upgraded({ plainConfig: ['/etc/app'] }), rollback, context())
    expect(stepOf(plan, 'config.carve')).toMatchObject({ be: name(1), mountpoint: '/etc/app' })
    expect(stepOf(plan, 'generation.take')).toMatchObject({ sources: [{ role: 'root' }], remade: [{ step: 'remake-config-1' }] })
  })
})

describe('forward', () => {
  it('goes to the version that the last rollback left, and takes it off the stack', () => {
    const plan = planSwitch(rolledBack(), forward, context())
    expect(finalChoice(plan)).toEqual(goodChoice(1))
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [4], to: [] } } })
  })

  it('goes back step by step through what several rollbacks left', () => {
    const stacked = rolledBack({
      generations: [...rolledBack().index.generations, generation(5, { kind: 'before-rollback', takenFrom: 3 })],
      bes: [be(1, { standsFor: 4 }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 5 })],
      running: 2,
      left: [4, 5],
      choice: { good: name(1), trial: name(2), attemptsLeft: 3, once: null },
    })
    const one = planSwitch(stacked, forward, context())
    expect(finalChoice(one).trial).toBe(name(3))
    expect(changesOf(one)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [4, 5], to: [4] } } })
    const both = planSwitch(stacked, { ...forward, id: 4 }, context())
    expect(changesOf(both)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [4, 5], to: [] } } })
  })

  it('has no default when nothing was left', () => {
    expect(refusalOf(() => planSwitch(upgraded(), forward, context()))).toMatchObject({ exitCode: 13 })
  })

  it('leads to the boot environment that was left with the data that it had', () => {
    const otherData = rolledBack({
      bes: [be(1, { standsFor: 4, data: 1 }), be(3, { origin: 2, standsFor: 2, data: 2 })],
      data: [data(1), data(2)],
    })
    const plan = planSwitch(otherData, forward, context())
    expect(finalChoice(plan)).toEqual(goodChoice(1))
    expect(stepOf(plan, 'identity.carry').be).toBe(name(1))
  })

  it('leaves the generation that was tried a boot environment that starts it as it was', () => {
    const left = rolledBack({ bes: [be(1, { standsFor: 4 }), be(3, { origin: 2, standsFor: 2 })] })
    const plan = planSwitch(left, forward, context())
    expect(stepOf(plan, 'be.clone')).toMatchObject({ name: name(4), sources: [{ volume: { guid: 'gen-2-root' } }, { volume: { guid: 'gen-2/etc/app' } }] })
    const another = rolledBack({ bes: [be(1, { standsFor: 4 }), be(3, { origin: 2, standsFor: 2 }), be(4, { origin: 2, standsFor: 2 })] })
    expect(kindsOf(planSwitch(another, forward, context()))).not.toContain('be.clone')
  })

  it('spells out what was written to the data of now, and the number that leads back to it', () => {
    const otherData = rolledBack({
      bes: [be(1, { standsFor: 4, data: 1 }), be(3, { origin: 2, standsFor: 2, data: 2 })],
      data: [data(1), data(2)],
    })
    const { leavesBehind, notices } = planSwitch(otherData, forward, context())
    expect(leavesBehind).toMatchObject([{ path: '/srv/files', be: name(3), volume: 'data-2', hours: 168, wayBack: 'belay forward 5' }])
    expect(notices.join()).toContain('goes back 7 days')
  })

  it('clones what was left when its boot environment is gone', () => {
    const gone = rolledBack({ bes: [be(3, { origin: 2, standsFor: 2 })], choice: goodChoice(3) })
    const plan = planSwitch(gone, forward, context())
    expect(stepOf(plan, 'be.clone')).toMatchObject({ sources: [{ volume: { guid: 'gen-4-root' } }, { volume: { guid: 'gen-4/etc/app' } }] })
  })
})
