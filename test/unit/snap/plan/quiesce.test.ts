import { describe, expect, it } from 'vitest'
import type { UnitState } from '../../../../src/sys/ports.ts'
import { type Quiesce, planQuiesce, quiesceNotices } from '../../../../src/snap/plan/quiesce.ts'
import { planSnapshot } from '../../../../src/snap/plan/snapshot.ts'
import { context, data, kindsOf, refusalOf, state, stepOf } from './planning-state.ts'

const unit = (name: string, facts: Partial<UnitState> = {}): UnitState => ({ name, known: true, state: 'running', takesAlong: [], ours: false, ...facts })
const GATEWAY = 'acme-gateway.service'
const UI = 'acme-ui.service'
const IDLE = 'acme-report.service'

describe('what --quiesce stops', () => {
  it('is what policy names and runs, and what stops along with it', () => {
    const quiesce = planQuiesce([GATEWAY, IDLE], [unit(GATEWAY), unit(IDLE, { state: 'idle' }), unit(UI)], 'boot-1')
    expect(quiesce).toEqual({ units: [GATEWAY, UI], idle: [IDLE], along: [UI], bootId: 'boot-1' })
    expect(quiesceNotices(quiesce).join('\n')).toMatch(/not named in quiesce.*: acme-ui\.service\nnot running.*: acme-report\.service/)
  })

  it.each([
    ['a unit that is not there', 'quiesce/unknown-unit', { known: false, state: 'idle' }],
    ['the unit in which belay runs', 'quiesce/own-unit', { ours: true }],
    ['a unit that somebody stops or restarts', 'quiesce/stopping', { state: 'stopping' }],
  ] as const)('is never %s', (_, code, facts) => {
    expect(refusalOf(() => planQuiesce([GATEWAY], [unit(GATEWAY, facts)], 'boot-1'))).toMatchObject({ code, exitCode: 10, data: { units: [GATEWAY] } })
  })
})

describe('a snapshot with --quiesce', () => {
  const quiesce: Quiesce = { units: [GATEWAY], idle: [IDLE], along: [], bootId: 'boot-1' }
  const request = { text: 'quiet', withData: false, keep: false, atomic: false, quiesce }

  it('stops units right before the snapshots and starts them right after, with all copies of data in between', () => {
    const plan = planSnapshot(state({ data: [data(1)], bootSetInStep: false, plainConfig: ['/etc/app'] }), { ...request, withData: true }, context())
    expect(kindsOf(plan).slice(0, 7)).toEqual([
      'config.carve',
      'boot-set.build',
      'units.stop',
      'generation.take',
      'data.clone',
      'units.start',
      'generation.describe',
    ])
    expect(stepOf(plan, 'units.stop')).toMatchObject({ units: [GATEWAY], bootId: 'boot-1' })
    expect(stepOf(plan, 'units.start')).toMatchObject({ units: [GATEWAY], stopped: { step: 'stop-units' } })
    expect(stepOf(plan, 'generation.describe')).toMatchObject({ quiesced: { units: [GATEWAY], idle: [IDLE], started: { step: 'start-units' } } })
    expect(stepOf(plan, 'units.stop').why).toContain(GATEWAY)
  })

  it('has nothing to stop where no unit runs, and records that all the same', () => {
    const plan = planSnapshot(state({ data: [] }), { ...request, quiesce: { ...quiesce, units: [], idle: [GATEWAY, IDLE] } }, context())
    expect(kindsOf(plan)).not.toContain('units.stop')
    expect(stepOf(plan, 'generation.describe')).toMatchObject({ quiesced: { units: [], idle: [GATEWAY, IDLE], started: null } })
  })

  it('leaves units alone where it was not asked for', () => {
    const plan = planSnapshot(state(), { ...request, quiesce: null }, context())
    expect(kindsOf(plan)).not.toContain('units.stop')
    expect(stepOf(plan, 'generation.describe')).not.toHaveProperty('quiesced')
  })
})
