import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { orderRuns, prefixesOf, proposeRuns, sameChanges } from '../../../src/pkg/order-runs.ts'
import type { PackageChange } from '../../../src/pkg/packages.ts'

const upgrade = (name: string, from = '1', to = '2'): PackageChange => ({ name, arch: 'amd64', from, to, action: 'upgrade' })
const removal = (name: string): PackageChange => ({ name, arch: 'amd64', from: '1', to: null, action: 'remove' })
const groups = (changes: readonly PackageChange[]) => proposeRuns(changes).map(({ label, packages }) => [label, packages.map(({ name }) => name)])

const NAMES = ['grub-pc', 'shim-signed', 'linux-image-6.12.1-amd64', 'zfs-dkms', 'udev', 'libc6', 'acme-gateway', 'belay'] as const

describe('the order of runs', () => {
  it('puts what makes the initrd with the kernel, and belay last', () => {
    expect(
      groups(['belay', 'acme-gateway', 'zfs-dkms', 'initramfs-tools-core', 'grub2-common', 'linux-image-amd64', 'libc6'].map((name) => upgrade(name))),
    ).toEqual([
      ['boot loader', ['grub2-common']],
      ['kernel', ['zfs-dkms', 'initramfs-tools-core', 'linux-image-amd64']],
      ['application and the rest', ['acme-gateway', 'libc6']],
      ['belay', ['belay']],
    ])
  })

  it('leaves removals to the last group, a kernel’s too', () => {
    expect(groups([removal('linux-image-6.1'), upgrade('linux-image-6.2')])).toEqual([
      ['kernel', ['linux-image-6.2']],
      ['application and the rest', ['linux-image-6.1']],
    ])
  })

  it('is one run for a release upgrade, which a point release is not', () => {
    expect(groups([upgrade('base-files', '12.4+deb12u10', '13.8'), upgrade('grub-pc')])).toEqual([['release upgrade', ['base-files', 'grub-pc']]])
    expect(groups([upgrade('base-files', '13.7', '13.8'), upgrade('grub-pc')])).toHaveLength(2)
  })

  it('keeps a cut only where the simulation touches nothing else', () => {
    const proposed = proposeRuns(['grub-pc', 'udev', 'libc6'].map((name) => upgrade(name)))
    const [boot = [], bootAndKernel = []] = prefixesOf(proposed)
    expect(orderRuns(proposed, [boot, bootAndKernel]).map(({ label }) => label)).toEqual(['boot loader', 'kernel', 'application and the rest'])
    expect(orderRuns(proposed, [boot, [...bootAndKernel, upgrade('libc6')]]).map(({ label }) => label)).toEqual([
      'boot loader',
      'kernel, application and the rest',
    ])
    expect(orderRuns(proposed, [null, bootAndKernel]).map(({ label }) => label)).toEqual(['boot loader, kernel', 'application and the rest'])
    expect(orderRuns(proposed, [null, null])).toHaveLength(1)
    expect(orderRuns(proposed, [boot.map((change) => ({ ...change, to: '3' })), null])).toHaveLength(1)
  })

  it('loses and doubles no change, whatever apt can do', () => {
    const changes = fc.uniqueArray(fc.constantFrom(...NAMES)).map((names) => names.map((name) => upgrade(name)))
    fc.assert(
      fc.property(changes, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (wanted, possible) => {
        const proposed = proposeRuns(wanted)
        const simulated = prefixesOf(proposed).map((prefix, position) => (possible[position] === true ? prefix : null))
        const done = orderRuns(proposed, simulated).flatMap(({ packages }) => packages)
        expect(done).toHaveLength(wanted.length)
        expect(sameChanges(done, wanted)).toBe(true)
      }),
    )
  })
})
