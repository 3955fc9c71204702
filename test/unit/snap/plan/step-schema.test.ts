import { describe, expect, it } from 'vitest'
import { PlanSchema } from '../../../../src/snap/plan/step-schema.ts'
import { JournalDirectory } from '../../../../src/snap/journal.ts'
import { MemoryAppliance } from '../../../fakes/memory-appliance.ts'
import { planConfirm } from '../../../../src/snap/plan/confirm.ts'
import { planSwitch } from '../../../../src/snap/plan/switch-version.ts'
import { be, context, generation, goodChoice, state } from './planning-state.ts'

const throughDisk = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('a plan that was written down', () => {
  it('is the same when init made it', async () => {
    const machine = await MemoryAppliance.initialised()
    const closed = `${machine.pool.at('state')}/journal/closed`
    const [name = ''] = await machine.files.list(closed)
    const [first = ''] = (await machine.files.readText(`${closed}/${name}`)).split('\n')
    const { opened } = JSON.parse(first) as { readonly opened: unknown }
    expect(PlanSchema.parse(opened)).toEqual(opened)
    expect(await new JournalDirectory(machine.files, machine.pool.at('state')).unfinished()).toEqual([])
  })

  it.each([
    [
      'a rollback with its data',
      () =>
        planSwitch(
          state({ generations: [generation(1, { kind: 'factory', withData: true })], bes: [be(1, { confirmed: true })] }),
          {
            direction: 'rollback',
            id: 1,
            keepConfig: false,
            withData: true,
            once: false,
            force: false,
            atomic: false,
            unreadable: new Map(),
            missing: new Set(),
            pathsInRoot: [{ path: '/opt', why: 'in root by policy' }],
          },
          context(),
        ),
    ],
    ['a confirmation', () => planConfirm(state({ bes: [be(1, { standsFor: 1 }), be(2)], choice: goodChoice(2) }), { atomic: false }, context())],
  ])('is the same when it is %s', (_, make) => {
    const plan = throughDisk(make())
    expect(PlanSchema.parse(plan)).toEqual(plan)
  })

  it('keeps fields of a newer belay', () => {
    const plan = throughDisk(planConfirm(state({ bes: [be(1, { standsFor: 1 }), be(2)] }), { atomic: false }, context()))
    const newer = { ...(plan as object), mood: 'good' }
    expect(PlanSchema.parse(newer)).toEqual(newer)
  })
})
