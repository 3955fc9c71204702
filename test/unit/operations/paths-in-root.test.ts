import { expect, it } from 'vitest'
import { findPathsThatGoBack } from '../../../src/operations/find-paths-left-in-root.ts'
import { MemoryAppliance } from '../../fakes/memory-appliance.ts'

it('what goes back with root is what policy leaves there, unless it is gone or on a filesystem of its own, and what nobody placed', async () => {
  const machine = await MemoryAppliance.initialised()
  const appliance = machine.process()
  for (const path of ['/var/lib/acme-cache', '/boot/grub/themes', '/var/lib/gateway']) await machine.files.makeDirectory(`/target${path}`)
  const policy = { ...appliance.policy, inRoot: ['/var/lib/acme-cache', '/boot/grub/themes', '/var/lib/nowhere'] }
  expect((await findPathsThatGoBack({ ...appliance, policy })).map(({ path, why }) => `${path} (${why})`)).toEqual([
    '/var/lib/acme-cache (in root by policy)',
    '/srv (data that this machine serves)',
    '/var/lib/gateway (state of gateway)',
  ])
})
