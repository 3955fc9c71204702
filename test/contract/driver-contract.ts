import { afterEach, beforeEach, describe } from 'vitest'
import { describeBootEnvironments } from './driver/boot-environments.ts'
import { describeConfigMembers } from './driver/config-members.ts'
import { describeDataAdoption, describeRefusedAdoption } from './driver/data-adoption.ts'
import { describeDataBinding } from './driver/data-binding.ts'
import { describeDataVolumes } from './driver/data-volumes.ts'
import type { DriverUnderTest } from './driver/driver-under-test.ts'
import { describeGenerations } from './driver/generations.ts'
import { describeIdentity } from './driver/identity.ts'
import { Scene } from './driver/scene.ts'
import { describeState } from './driver/state.ts'

/** What every driver promises. Each case gets a pool of its own with an installed root. */
export function describeDriver(name: string, prepare: () => Promise<DriverUnderTest>, { adoptsData }: { readonly adoptsData: boolean }): void {
  describe(`${name} keeps the contract of Driver`, () => {
    let subject: DriverUnderTest | null = null
    const scene = new Scene(() => {
      if (subject === null) throw new Error('the driver is prepared before each case')
      return subject
    })

    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(async () => {
      await subject?.release()
      subject = null
    })

    describeState(scene)
    describeGenerations(scene)
    describeBootEnvironments(scene)
    describeConfigMembers(scene)
    describeDataVolumes(scene)
    if (adoptsData) describeDataAdoption(scene)
    else describeRefusedAdoption(scene)
    describeDataBinding(scene)
    describeIdentity(scene)
  })
}
