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
  adopted: [],
  left: [],
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

describe('init on a machine with data on filesystems of their own', () => {
  const customer = { pool: 'other', guid: 'customer', locator: 'tank/customer' }
  const withData: InitState = {
    ...state,
    driver: 'zfs',
    atomic: true,
    adopted: [
      { path: '/srv/customer', volume: customer, mountsItself: true },
      { path: '/srv/legacy', volume: { ...customer, guid: 'legacy', locator: 'tank/legacy' }, mountsItself: false },
    ],
    left: ['/home'],
  }

  it('marks it before the version that uses it is recorded, and lets nothing else mount it only behind the commit point', () => {
    const plan = planInit(withData, context())
    const ids = plan.steps.map(({ id }) => id)
    const order = ['adopt-srv-customer', 'adopt-srv-legacy', 'bind-data', 'record', 'grub', 'fstab-srv-customer', 'fstab-srv-legacy']
    expect(ids.filter((id) => order.includes(id))).toEqual(order)
    expect(plan.commit).toBe('grub')
    expect(plan.steps.find(({ kind }) => kind === 'data.bind')).toMatchObject({
      uses: [
        { mountpoint: '/srv', data: 'data-000001' },
        { mountpoint: '/srv/customer', data: 'data-000002' },
        { mountpoint: '/srv/legacy', data: 'data-000003' },
      ],
    })
    expect(plan.steps.find(({ id }) => id === 'adopt-srv-customer')).toMatchObject({ kind: 'data.adopt', name: 'data-000002', volume: customer })
  })

  it('says what changes for the system of before, and what is left alone', () => {
    const { notices } = planInit(withData, context())
    expect(notices.filter((notice) => notice.includes('tank/customer'))).toHaveLength(2)
    expect(notices.join('\n')).toContain('zfs mount tank/customer')
    expect(notices.filter((notice) => notice.includes('tank/legacy'))).toHaveLength(1)
    expect(notices).toContain('/home is a filesystem of its own: it stays as it is, and is not part of versions')
  })

  it('is understood when it comes back from a journal', () => {
    const plan = planInit(withData, context())
    expect(PlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(JSON.parse(JSON.stringify(plan)))
  })
})
