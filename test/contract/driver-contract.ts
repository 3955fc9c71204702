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

type Prepare = () => Promise<DriverUnderTest>

/** Each case gets a pool of its own with an installed root. */
function describeOnScene(title: string, prepare: Prepare, cases: (scene: Scene) => void): void {
  describe(title, () => {
    let subject: DriverUnderTest | null = null

    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(async () => {
      await subject?.release()
      subject = null
    })

    cases(
      new Scene(() => {
        if (subject === null) throw new Error('the driver is prepared before each case')
        return subject
      }),
    )
  })
}

/** What every driver promises: the same cases for each. */
export const describeDriver = (name: string, prepare: Prepare): void => {
  describeOnScene(`${name} keeps the contract of Driver`, prepare, (scene) => {
    describeState(scene)
    describeGenerations(scene)
    describeBootEnvironments(scene)
    describeConfigMembers(scene)
    describeDataVolumes(scene)
    describeDataBinding(scene)
    describeIdentity(scene)
  })
}

/** What a driver promises that leaves data which is a volume already where it is. */
export const describeAdoptingDriver = (name: string, prepare: Prepare): void => {
  describeOnScene(`${name} adopts data as Driver says`, prepare, describeDataAdoption)
}

/** What a driver promises that cannot. */
export const describeRefusingDriver = (name: string, prepare: Prepare): void => {
  describeOnScene(`${name} refuses to adopt data as Driver says`, prepare, describeRefusedAdoption)
}
