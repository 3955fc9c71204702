import { describe, expect, it } from 'vitest'
import type { PackageChange } from '../../../../src/pkg/packages.ts'
import { PlanSchema } from '../../../../src/snap/plan/step-schema.ts'
import { type UpgradeRequest, planUpgrade } from '../../../../src/snap/plan/upgrade.ts'
import { be, changesOf, context, data, finalChoice, generation, goodChoice, kindsOf, name, refusalOf, session, state, stepOf } from './planning-state.ts'

const MIB = 1024 * 1024
const change = (packageName: string, from: string | null, to: string | null): PackageChange => ({
  name: packageName,
  arch: 'amd64',
  from,
  to,
  action: 'upgrade',
})
const changes = [change('gateway', '1.0', '2.0'), change('libgateway1', '1.0', '2.0')]

const request = (facts: Partial<UpgradeRequest> = {}): UpgradeRequest => ({
  simulation: { changes, keptBack: [], downloadBytes: 10 * MIB, diskBytes: 20 * MIB, unpackedBytes: 30 * MIB },
  runs: [{ label: 'application', packages: changes }],
  release: null,
  dpkg: { problems: [], lockHolder: null },
  space: { pool: 10_000 * MIB, grubPartition: 500 * MIB, bootSet: 80 * MIB, rooms: [] },
  withData: false,
  quiesce: null,
  atomic: false,
  newDataFormat: null,
  owner: { pid: 42, startTime: '4242' },
  bootId: 'b1',
  ...facts,
})

const kernel = { changes: [change('linux-image-6.2.0-1-amd64', null, '6.2.1-1')], keptBack: [], downloadBytes: 0, diskBytes: 0, unpackedBytes: 0 }

describe('upgrade', () => {
  it('downloads first, takes and arms the restore point, applies, verifies, and puts the result on trial', () => {
    const kinds = kindsOf(planUpgrade(state(), request(), context()))
    expect(kinds[0]).toBe('packages.download')
    const order = ['generation.take', 'be.clone', 'choice.write', 'packages.apply', 'packages.verify', 'boot-set.build', 'choice.write']
    let at = -1
    for (const kind of order) {
      at = kinds.indexOf(kind, at + 1)
      expect(at, kind).toBeGreaterThan(-1)
    }
  })

  it('has the standby as GRUB’s default while packages change, and as the trial’s fallback after', () => {
    const plan = planUpgrade(state(), request(), context())
    const choices = plan.steps.flatMap((step) => (step.kind === 'choice.write' ? [step] : []))
    expect(choices.map(({ id, to }) => [id, to])).toEqual([
      ['arm', goodChoice(3)],
      ['switch', { good: name(3), trial: name(1), attemptsLeft: 3, once: null }],
    ])
    expect(plan.commit).toBe('switch')
    expect(finalChoice(plan).good).toBe(name(3))
  })

  it('records who arms it', () => {
    expect(changesOf(planUpgrade(state(), request(), context()))).toContainEqual(
      expect.objectContaining({
        change: expect.objectContaining({
          session: expect.objectContaining({
            to: expect.objectContaining({ phase: 'armed', owner: { pid: 42, startTime: '4242' }, generation: 2, be: name(1), fallback: name(3) }) as unknown,
          }) as unknown,
        }) as unknown,
      }),
    )
  })

  it('escapes to the standby from the first apt run on', () => {
    const plan = planUpgrade(
      state(),
      request({
        runs: [
          { label: 'kernel', packages: changes },
          { label: 'rest', packages: changes },
        ],
      }),
      context(),
    )
    expect(plan.escape?.from).toBe('apply-1')
    expect(plan.escape?.steps.map((step) => step.kind)).toEqual(expect.arrayContaining(['index.change', 'menu.write', 'reboot.note']))
    expect(plan.steps.map((step) => step.id).filter((id) => id.startsWith('apply'))).toEqual(['apply-1', 'apply-2'])
  })

  it.each([
    ['while one is armed', { session: session('armed') }, 'session/armed'],
    ['after one that failed', { session: session('failed') }, 'session/failed'],
    ['while one is on trial', { session: session('trial') }, 'session/trial'],
    ['while a rollback is on trial', { choice: { good: name(1), trial: name(2), attemptsLeft: 3, once: null } as const }, 'trial'],
    ['on a version that was picked for one boot', { running: 2 }, 'not-confirmed'],
    ['when another version was picked for the next boot', { choice: { ...goodChoice(), once: name(2) } }, 'once'],
    ['on a root that is none of belay’s', { running: null }, 'not-a-boot-environment'],
  ])('is refused %s', (_, facts, code) => {
    const refusal = refusalOf(() => planUpgrade(state(facts), request(), context()))
    expect(refusal).toMatchObject({ code, exitCode: 10 })
    expect(refusal.next.length).toBeGreaterThan(0)
  })

  it('is refused with the remedy while dpkg has something half done', () => {
    const problems = [
      { code: 'interrupted', text: 'gateway is half configured', remedy: 'dpkg --configure -a' },
      { code: 'broken', text: 'libgateway1 is missing', remedy: 'apt-get --fix-broken install' },
    ]
    expect(refusalOf(() => planUpgrade(state(), request({ dpkg: { problems, lockHolder: null } }), context()))).toMatchObject({
      code: 'packages/interrupted',
      next: ['dpkg --configure -a', 'apt-get --fix-broken install'],
    })
  })

  it('needs room on the pool for the archives, for two of what grows, and for the margin', () => {
    const margin = { space: { marginMiB: 100 } }
    expect(() => planUpgrade(state(), request({ space: { ...request().space, pool: 150 * MIB } }), context(margin))).not.toThrow()
    const refusal = refusalOf(() => planUpgrade(state(), request({ space: { ...request().space, pool: 150 * MIB - 1 } }), context(margin)))
    expect(refusal).toMatchObject({ exitCode: 12, data: { where: 'pool', need: 150 * MIB } })
  })

  it('does not count on room that an upgrade gives back', () => {
    const shrinking = { ...request().simulation, diskBytes: -500 * MIB }
    expect(
      refusalOf(() =>
        planUpgrade(state(), request({ simulation: shrinking, space: { ...request().space, pool: 9 * MIB } }), context({ space: { marginMiB: 0 } })),
      ),
    ).toMatchObject({ exitCode: 12 })
  })

  it('needs room for another boot set on the GRUB partition when a kernel comes, and hardly any otherwise', () => {
    const space = { pool: 10_000 * MIB, grubPartition: 60 * MIB, bootSet: 80 * MIB, rooms: [] }
    expect(
      refusalOf(() => planUpgrade(state(), request({ space, simulation: kernel, runs: [{ label: 'kernel', packages: kernel.changes }] }), context())),
    ).toMatchObject({ exitCode: 12, data: { where: '/boot/grub' } })
    expect(() => planUpgrade(state(), request({ space }), context())).not.toThrow()
  })

  it('takes data along without being asked when the format rises beyond what the old version reads', () => {
    const plan = planUpgrade(state({ data: [data(1)] }), request({ newDataFormat: '2.0.0' }), context())
    expect(stepOf(plan, 'data.clone').name).toBe('data-000002')
    expect(stepOf(plan, 'data.bind')).toMatchObject({ be: name(3), uses: [{ data: 'data-000002' }] })
    expect(plan.notices.join()).toContain('2.0.0')
  })

  it.each([null, '1.0.0', '1.9.0'])('leaves data alone when the new format is %s', (newDataFormat) => {
    expect(kindsOf(planUpgrade(state(), request({ newDataFormat }), context()))).not.toContain('data.clone')
  })

  it('is called by its kernel and applications', () => {
    const simulation = { ...kernel, changes: [...changes, ...kernel.changes, change('nginx', '1', '2'), change('curl', '1', '2')] }
    expect(planUpgrade(state(), request({ simulation }), context()).summary).toContain('linux 6.2.0-1-amd64, gateway 2.0, nginx 2 and 2 more')
  })

  it('tells what apt keeps back', () => {
    const simulation = { ...request().simulation, keptBack: ['docker.io'] }
    expect(planUpgrade(state(), request({ simulation }), context()).notices).toEqual(['kept back by apt: docker.io'])
  })

  it('remembers the highest format that was written into each data volume', () => {
    const upgraded = changesOf(planUpgrade(state({ generations: [generation(1)], bes: [be(1)], data: [data(1), data(2)] }), request(), context())).find(
      (planned) => planned.planned === 'be-upgraded',
    )
    expect(upgraded).toMatchObject({ data: [{ name: 'data-000001' }] })
  })

  describe('to the next release', () => {
    const words = [{ at: 13, from: 'bookworm', to: 'trixie' }]
    const release = {
      to: { codename: 'trixie', version: 13 },
      name: 'Debian 13 (trixie)',
      sources: [{ path: '/etc/apt/sources.list', before: 'a'.repeat(64), after: 'b'.repeat(64), words }],
      checks: [{ name: 'release', detail: 'Debian 12 (bookworm) runs' }],
      notices: ['/etc/apt/sources.list:1: bookworm → trixie of http://a'],
    }

    it('changes the sources behind the restore point and before apt, where a failure takes them back', () => {
      const plan = planUpgrade(state(), request({ release }), context())
      const kinds = kindsOf(plan)
      expect(kinds.indexOf('packages.sources')).toBeGreaterThan(kinds.indexOf('choice.write'))
      expect(kinds.indexOf('packages.sources')).toBeLessThan(kinds.indexOf('packages.apply'))
      expect(kinds.indexOf('choice.write')).toBeGreaterThan(kinds.indexOf('generation.take'))
      expect(plan.escape?.from).toBe('apply-1')
      expect(stepOf(plan, 'packages.sources').changes).toEqual(release.sources)
      expect(PlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    })

    it('leaves sources alone that name it already', () => {
      expect(kindsOf(planUpgrade(state(), request({ release: { ...release, sources: [] } }), context()))).not.toContain('packages.sources')
    })

    it('is called by its name, and tells what was checked, what changes and what goes', () => {
      const simulation = { ...request().simulation, changes: [...changes, { ...change('libold1', '1', null), action: 'remove' as const }] }
      const plan = planUpgrade(state(), request({ release, simulation }), context())
      expect(plan.summary).toContain('be-000001 is upgraded to Debian 13 (trixie)')
      expect(plan.checks.map(({ name }) => name)).toContain('release')
      expect(plan.notices).toEqual([...release.notices, 'removed: libold1'])
    })

    it.each([
      ['out of apt’s sources', { path: '/etc/apt/../shadow' }],
      ['into a directory of its own', { path: '/etc/apt/sources.list.d/x/y.list' }],
      ['of two words', { words: [{ at: 1, from: 'bookworm', to: 'trixie main' }] }],
    ])('is not taken from a journal when it leads %s', (_, wrong) => {
      const sources = release.sources.map((source) => ({ ...source, ...wrong }))
      const plan = planUpgrade(state(), request({ release: { ...release, sources } }), context())
      expect(PlanSchema.safeParse(JSON.parse(JSON.stringify(plan))).success).toBe(false)
    })
  })

  it('needs room for all that is unpacked: what it takes the place of stays in the restore point', () => {
    const simulation = { ...request().simulation, diskBytes: 0, unpackedBytes: 600 * MIB }
    const space = { ...request().space, pool: 609 * MIB }
    expect(refusalOf(() => planUpgrade(state(), request({ simulation, space }), context({ space: { marginMiB: 0 } })))).toMatchObject({
      exitCode: 12,
      data: { need: 610 * MIB },
    })
  })
})
