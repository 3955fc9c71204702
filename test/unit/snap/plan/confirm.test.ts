import { describe, expect, it } from 'vitest'
import type { Index } from '../../../../src/snap/model.ts'
import { planConfirm } from '../../../../src/snap/plan/confirm.ts'
import type { PlanningState } from '../../../../src/snap/plan/state.ts'
import { NOW, be, changesOf, context, finalChoice, generation, goodChoice, name, refusalOf, session, state, stepOf } from './planning-state.ts'

const request = { atomic: false }
const confirmedTwo = [generation(1, { kind: 'factory', health: 'confirmed' }), generation(2, { kind: 'before-upgrade', health: 'confirmed' })]

/** be-000001 was upgraded and is on trial; be-000003 is its fallback and stands for generation 2. */
const onTrial = (facts: Parameters<typeof state>[0] = {}) =>
  state({
    generations: confirmedTwo,
    bes: [be(1, { confirmed: true, kernel: '6.2' }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2 })],
    session: session('trial', { be: 1, fallback: 3, generation: 2 }),
    choice: { good: name(3), trial: name(1), attemptsLeft: 2, once: null },
    ...facts,
  })

const JUDGED = { be: name(1), at: NOW, bootId: 'before', healthyBoots: 1, faults: [], since: null, dataLeft: [] }

describe('confirm', () => {
  it('after an upgrade makes what runs the one that GRUB starts, and takes the generation after it', () => {
    const plan = planConfirm(onTrial(), request, context())
    expect(finalChoice(plan)).toEqual(goodChoice(1))
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({
        planned: 'add-generation',
        draft: expect.objectContaining({ id: 3, reason: { kind: 'after-upgrade', text: 'after upgrade to linux 6.2' }, health: 'confirmed' }) as unknown,
      }),
    )
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'session', session: { from: onTrial().index.session, to: null } } })
    expect(plan.commit).toBe('switch')
  })

  it('after an upgrade forgets what rollbacks had left before it', () => {
    expect(changesOf(planConfirm(onTrial({ left: [1] }), request, context()))).toContainEqual({
      planned: 'change',
      change: { change: 'left', left: { from: [1], to: [] } },
    })
  })

  it('keeps two versions that are left at once apart from each other', () => {
    const picked = onTrial({
      bes: [be(1, { confirmed: true, kernel: '6.2' }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: null })],
      running: 2,
      left: [1],
    })
    const plan = planConfirm(picked, request, context())
    const ids = plan.steps.map((step) => step.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [1], to: [3, 4] } } })
  })

  it('leaves a standby that was only tried to its generation, and takes one that was in use', () => {
    const taken = (facts: Parameters<typeof be>[1]): (string | undefined)[] =>
      changesOf(
        planConfirm(
          state({
            generations: confirmedTwo,
            bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, ...facts })],
            running: 1,
            choice: goodChoice(3),
          }),
          request,
          context(),
        ),
      ).flatMap((change) => (change.planned === 'add-generation' ? [change.draft.takenFrom] : []))
    expect(taken({ standsFor: 2, startedAs: 2 })).toEqual([])
    expect(taken({ standsFor: 1 })).toEqual([])
    expect(taken({ standsFor: 1, startedAs: 1 })).toEqual([name(3)])
  })

  it('gives the new standby the machine’s own files', () => {
    const plan = planConfirm(onTrial({ running: 3, choice: { good: name(3), trial: name(1), attemptsLeft: 0, once: null } }), request, context())
    expect(stepOf(plan, 'identity.carry').be).toBe(stepOf(plan, 'be.clone').name)
  })

  it('after a fallback stays on the standby, keeps what did not stay as a generation that failed, and gives the restore point a new standby', () => {
    const fellBack = onTrial({ running: 3, choice: { good: name(3), trial: name(1), attemptsLeft: 0, once: null } })
    const plan = planConfirm(fellBack, request, context())
    expect(finalChoice(plan)).toEqual(goodChoice(3))
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({ planned: 'add-generation', draft: expect.objectContaining({ takenFrom: name(1), health: 'failed', keep: false }) as unknown }),
    )
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: expect.objectContaining({ change: 'be-stands-for', name: name(1) }) as unknown })
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: expect.objectContaining({ change: 'left' }) as unknown })
    expect(stepOf(plan, 'be.clone')).toMatchObject({ name: name(4), sources: [{ volume: { guid: 'gen-2-root' } }, { volume: { guid: 'gen-2/etc/app' } }] })
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'be-stands-for', name: name(3), standsFor: { from: 2, to: null } } })
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'session', session: { from: fellBack.index.session, to: null } } })
  })

  it('closes a failed upgrade on the untouched version, and is refused on the broken one', () => {
    const failed = onTrial({ session: session('failed', { be: 1, fallback: 3, generation: 2 }), choice: goodChoice(3) })
    expect(refusalOf(() => planConfirm(failed, request, context()))).toMatchObject({ code: 'session/failed', next: ['systemctl reboot'] })
    expect(finalChoice(planConfirm({ ...failed, running: name(3) }, request, context()))).toEqual(goodChoice(3))
  })

  it('is refused while another version was chosen for the next boot, and takes a single boot back only with a word', () => {
    const away = state({ running: 1, choice: { good: name(1), trial: name(2), attemptsLeft: 3, once: null } })
    expect(refusalOf(() => planConfirm(away, request, context()))).toMatchObject({ code: 'switch-pending' })
    const once = planConfirm(state({ running: 1, choice: { good: name(1), trial: null, attemptsLeft: 0, once: name(2) } }), request, context())
    expect(once.notices.join()).toContain('be-000002')
  })

  it.each<readonly [string, Partial<PlanningState['choice']>, Partial<Index>]>([
    ['GRUB counted a boot of it', { attemptsLeft: 2 }, {}],
    ['it has its attempt again, after a boot that somebody ended in order', {}, { trialHealth: { ...JUDGED, orderlyEnds: 1 } }],
    ['it has all attempts again, after a healthy boot of two', {}, { trialHealth: JUDGED }],
    ['it was the last that came up', {}, { lastStart: { be: name(1), at: NOW, bootId: 'before', why: 'trial' } }],
  ])('on the fallback, picked in the menu, ends a trial that was begun: %s', (_, choice, index) => {
    const picked = onTrial({ running: 3, choice: { good: name(3), trial: name(1), attemptsLeft: 3, once: null, ...choice } })
    const plan = planConfirm({ ...picked, index: { ...picked.index, ...index } }, request, context())
    expect(finalChoice(plan)).toEqual(goodChoice(3))
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({ planned: 'add-generation', draft: expect.objectContaining({ takenFrom: name(1), health: 'failed' }) as unknown }),
    )
    expect(plan.notices.join('\n')).toContain('the trial of be-000001 is over')
    expect(refusalOf(() => planConfirm(onTrial({ running: 3, choice: { ...picked.choice, attemptsLeft: 3 } }), request, context()))).toMatchObject({
      code: 'switch-pending',
    })
  })

  it('keeps a version with other configuration that was tried and did not stay, and forward leads to it', () => {
    const failed = (attemptsLeft: 0 | 3, keptConfig = true) =>
      state({
        generations: confirmedTwo,
        bes: [be(1, { confirmed: true }), be(2, { origin: 1, standsFor: 1 }), be(4, { origin: 2, standsFor: keptConfig ? null : 2 })],
        choice: { good: name(1), trial: name(4), attemptsLeft, once: null },
      })
    const plan = planConfirm(failed(0), request, context())
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({ planned: 'add-generation', draft: expect.objectContaining({ takenFrom: name(4), health: 'failed' }) as unknown }),
    )
    expect(changesOf(plan)).toContainEqual({ planned: 'change', change: { change: 'left', left: { from: [], to: [3] } } })
    expect(changesOf(plan)).toContainEqual({
      planned: 'change',
      change: { change: 'be-stands-for', name: name(4), standsFor: { from: null, to: 3 } },
    })
    expect(plan.notices.join('\n')).toContain('be-000004, which did not stay, is kept')
    expect(JSON.stringify(changesOf(planConfirm(failed(0, false), request, context()))), 'its generation has it').not.toContain('add-generation')
    const unstarted = planConfirm({ ...failed(3), running: name(2) }, request, context())
    expect(JSON.stringify(changesOf(unstarted)), 'it never ran').not.toContain(`"takenFrom":"${name(4)}"`)
  })

  it('by the gate leaves what was chosen for one boot', () => {
    const once = onTrial({ choice: { good: name(3), trial: name(1), attemptsLeft: 2, once: name(2) } })
    expect(finalChoice(planConfirm(once, { ...request, keepsOnce: true }, context()))).toEqual({ ...goodChoice(1), once: name(2) })
    expect(finalChoice(planConfirm(once, request, context()))).toEqual(goodChoice(1))
  })

  it('is refused while an upgrade runs', () => {
    expect(refusalOf(() => planConfirm(onTrial({ session: session('armed') }), request, context()))).toMatchObject({ code: 'session/armed' })
  })

  it('is refused where another version was chosen since the one that runs was started', () => {
    const away = onTrial({ choice: { good: name(1), trial: name(2), attemptsLeft: 3, once: null } })
    expect(refusalOf(() => planConfirm({ ...away, running: name(3) }, { ...request, leaving: true }, context()))).toMatchObject({
      code: 'switch-pending',
      next: expect.arrayContaining([expect.stringContaining('belay forward')]) as unknown,
    })
  })

  it('of a version that was picked says which trial does not begin', () => {
    const picked = state({
      generations: confirmedTwo,
      bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2 })],
      running: 3,
      choice: { good: name(1), trial: name(2), attemptsLeft: 3, once: null },
    })
    expect(planConfirm(picked, request, context()).notices.join()).toContain('be-000002, which was to be tried')
  })

  it('of a version that was rolled back to keeps that generation choosable as it was', () => {
    const rolledBack = state({
      generations: confirmedTwo,
      bes: [be(1, { kernel: '6.2', standsFor: null }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2 })],
      running: 3,
      choice: { good: name(1), trial: name(3), attemptsLeft: 1, once: null },
    })
    const plan = planConfirm(rolledBack, request, context())
    expect(stepOf(plan, 'boot-set.share')).toMatchObject({ from: name(2), to: name(4) })
    expect(changesOf(plan)).toContainEqual(
      expect.objectContaining({ planned: 'add-be', draft: expect.objectContaining({ name: name(4), standsFor: 2 }) as unknown }),
    )
  })

  it('builds the new standby’s boot set from its own /boot when no boot environment has the generation’s', () => {
    const other = state({
      generations: confirmedTwo,
      bes: [be(1, { kernel: '6.3' }), be(3, { origin: 2, standsFor: 2, kernel: '6.2' })],
      running: 3,
      choice: { good: name(1), trial: name(3), attemptsLeft: 1, once: null },
    })
    expect(stepOf(planConfirm(other, request, context()), 'boot-set.build')).toMatchObject({ root: { step: 'clone-be-000004' } })
  })

  it('records the health of the generation that it descends from', () => {
    const unknown = state({
      generations: [generation(1), generation(2, { health: 'unknown' })],
      bes: [be(1), be(3, { origin: 2, standsFor: 2 })],
      running: 3,
      choice: { good: name(1), trial: name(3), attemptsLeft: 1, once: null },
    })
    expect(changesOf(planConfirm(unknown, request, context()))).toContainEqual({
      planned: 'change',
      change: { change: 'generation-health', id: 2, health: { from: 'unknown', to: 'confirmed' } },
    })
  })

  it('has no steps for what is confirmed already', () => {
    const plan = planConfirm(state(), request, context())
    expect(plan.steps).toEqual([])
    expect(plan.commit).toBeNull()
    expect(plan.notices).toHaveLength(1)
  })

  it('makes a version that was picked in the menu stay', () => {
    expect(finalChoice(planConfirm(state({ running: 2 }), request, context()))).toEqual(goodChoice(2))
  })
})
