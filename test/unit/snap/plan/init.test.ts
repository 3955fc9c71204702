import { describe, expect, it } from 'vitest'
import { planInit, type InitState } from '../../../../src/snap/plan/init.ts'
import { PlanSchema } from '../../../../src/snap/plan/step-schema.ts'
import { context } from './planning-state.ts'

const state: InitState = {
  driver: 'btrfs',
  pool: 'pool',
  atomic: false,
  root: { pool: 'pool', guid: 'installed', locator: '@rootfs' },
  occupied: { generation: [], be: [], data: [] },
  bootPartition: null,
  placements: [{ path: '/srv', role: 'data', why: 'data that this machine serves' }],
  config: ['/etc/app'],
  policyText: 'format: 1\n',
  notices: [],
}
const fromPartition: InitState = { ...state, bootPartition: { source: '/dev/vda2', names: ['vmlinuz-6.12.1', 'vmlinuz-6.12.2'] } }
const idsOf = (from: InitState): string[] => planInit(from, context()).steps.map(({ id }) => id)

describe('init on a machine with one partition at /boot', () => {
  it('copies the kernels into the clone and binds GRUB’s directory before anything is verified or snapshotted', () => {
    const ids = idsOf(fromPartition)
    const order = ['clone-root', 'copy-boot', 'bind-grub', 'bind-data', 'boot-set', 'take-factory', 'grub']
    expect(ids.filter((id) => order.includes(id))).toEqual(order)
    expect(ids.filter((id) => !idsOf(state).includes(id))).toEqual(['copy-boot', 'bind-grub'])
  })

  it('says what moves, what stays, and the way back', () => {
    const { notices, checks } = planInit(fromPartition, context())
    const text = notices.join('\n')
    for (const part of ['/dev/vda2', 'vmlinuz-6.12.1, vmlinuz-6.12.2', 'the partition keeps what it holds', '/boot/grub-partition', 'as it was before belay'])
      expect(text).toContain(part)
    expect(checks[0]?.detail).toContain('/dev/vda2 at /boot becomes the GRUB partition')
    expect(planInit(state, context()).notices.join('\n')).not.toContain('/boot')
  })

  it('is understood when it comes back from a journal', () => {
    const plan = planInit(fromPartition, context())
    expect(PlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(JSON.parse(JSON.stringify(plan)))
  })
})
