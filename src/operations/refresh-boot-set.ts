import { z } from 'zod'
import { RefusedError } from '../errors.ts'
import type { Appliance } from './appliance.ts'
import { readPlanningState } from './read-planning-state.ts'
import { locked } from './hold-lock.ts'

export const RefreshedBootSet = z.object({ be: z.string(), kernelVersion: z.string(), changed: z.boolean() })
export type RefreshedBootSet = z.infer<typeof RefreshedBootSet>

/** Bring the running boot environment's boot set in step with its /boot, after a kernel package or update-initramfs changed it by itself. */
export const refreshBootSet = (appliance: Appliance): Promise<RefreshedBootSet> =>
  locked(appliance, 'boot-set refresh', async () => {
    const { index, running } = await readPlanningState(appliance)
    const be = index.bootEnvironments.find((candidate) => candidate.name === running)
    const root = be?.members.find((member) => member.role === 'root')
    if (be === undefined || root === undefined)
      throw new RefusedError('not-a-boot-environment', 'the root that runs is none of belay’s boot environments', { next: ['belay status'] })
    const bootSet = await appliance.boot.buildBootSet(be.name, appliance.target.root, appliance.driver.bootRoot(root.volume))
    const changed = bootSet.initrd.sha256 !== be.bootSet?.initrd.sha256 || bootSet.vmlinuz.sha256 !== be.bootSet.vmlinuz.sha256
    if (changed) {
      const after = await appliance.index.change([{ change: 'be-boot-set', name: be.name, bootSet: { from: be.bootSet, to: bootSet } }])
      const { choice } = await appliance.boot.readChoice()
      if (choice !== null) await appliance.boot.writeMenu(after, choice)
    }
    return { be: be.name, kernelVersion: bootSet.kernelVersion, changed }
  })
