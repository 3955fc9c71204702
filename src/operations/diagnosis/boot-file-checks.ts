import { BOOT_PARTITION } from '../../snap/fstab.ts'
import { inTarget } from '../../snap/target.ts'
import { isBootSetInStep } from '../read-planning-state.ts'
import { READ_ONLY, remediesOfReadOnly } from '../run-operation.ts'
import { type Check, type Diagnosis, fixable, fixableNote, note, problem } from './finding.ts'

export const bootSets: Check = async (appliance, { index, running }) => {
  const found: Diagnosis[] = []
  for (const be of index.bootEnvironments) {
    if (be.tornAt !== undefined) continue
    const faults = await appliance.boot.faultsOf(be.name, be.name === running)
    if (faults.length === 0) continue
    const root = be.members.find((member) => member.role === 'root')
    if (root === undefined) continue
    found.push(
      fixable('boot-set', `${be.name} cannot be offered: ${faults.join('; ')}`, async () => {
        await appliance.boot.buildBootSet(be.name, await appliance.driver.directoryOf(root.volume), appliance.driver.bootRoot(root.volume))
      }),
    )
  }
  const abandoned = index.session?.phase === 'failed' && index.session.be === running
  if (running !== null && !abandoned && found.length === 0 && !(await isBootSetInStep(appliance, index, running))) {
    const root = index.bootEnvironments.find((be) => be.name === running)?.members.find((member) => member.role === 'root')
    if (root !== undefined) {
      found.push(
        fixable('boot-set-behind', `the boot set of ${running} is not what its /boot holds now`, async () => {
          const bootSet = await appliance.boot.buildBootSet(running, appliance.target.root, appliance.driver.bootRoot(root.volume))
          const before = index.bootEnvironments.find((be) => be.name === running)?.bootSet ?? null
          await appliance.index.change([{ change: 'be-boot-set', name: running, bootSet: { from: before, to: bootSet } }])
        }),
      )
    }
  }
  const strays = (await appliance.boot.bootSets()).filter((name) => !index.bootEnvironments.some((be) => be.name === name && be.tornAt === undefined))
  return [
    ...found,
    ...strays.map((name) =>
      fixable('stray-boot-set', `the GRUB partition holds a boot set of ${name}, which is torn or does not exist`, () => appliance.boot.removeBootSet(name)),
    ),
  ]
}

export const readOnly: Check = async ({ boot }) => {
  const at = await boot.readOnlyAt()
  return at === null ? [] : [problem('read-only', READ_ONLY, remediesOfReadOnly(at).join('; '))]
}

export const menu: Check = async (appliance, { index, choice }) => {
  if (choice === null) return []
  const found: Diagnosis[] = []
  if (!(await appliance.boot.isMenuCurrent(index, choice)))
    found.push(fixable('menu', 'the boot menu is not what the index and config.yaml say', () => appliance.boot.writeMenu(index, choice)))
  if (!(await appliance.boot.isGrubCfgOurs()))
    found.push(fixable('grub-cfg', '/boot/grub/grub.cfg is not what belay writes by config.yaml, or not belay’s at all', () => appliance.boot.installGrubCfg()))
  return found
}

const KERNEL_FILE = /^(?:vmlinuz|initrd\.img|config|System\.map)-/

/** The partition that was /boot still holds what only the system as it was before belay needs: worth a word when it takes more than what is left. */
export const leftOnBootPartition: Check = async (appliance, { index, running }) => {
  if (running === null || index.bootEnvironments.find((be) => be.name === running)?.confirmedAt === null) return []
  const directory = inTarget(appliance.target, BOOT_PARTITION)
  if ((await appliance.files.stat(directory))?.kind !== 'directory') return []
  let bytes = 0
  for (const name of (await appliance.files.list(directory)).filter((candidate) => KERNEL_FILE.test(candidate)))
    bytes += (await appliance.files.stat(`${directory}/${name}`))?.size ?? 0
  if (bytes === 0 || (await appliance.boot.space()).free > bytes) return []
  return [
    note(
      'boot-partition',
      `${BOOT_PARTITION} holds ${String(Math.ceil(bytes / 1024 / 1024))} MiB of kernels for the system as it was before belay, and has less room left`,
      `when nobody needs that system any more: cd ${BOOT_PARTITION} && rm vmlinuz-* initrd.img-* config-* System.map-*`,
    ),
  ]
}

/** Looked at last and only on the running machine: it takes half a second. */
export const bootLoader: Check = async ({ bootLoader: loader }) =>
  (await loader.hasStub()) !== false
    ? []
    : [
        fixableNote('no-stub', 'GRUB as it was installed on the disk cannot start a version when grub.cfg is damaged', 'belay doctor --fix', async () => {
          await loader.installStub()
        }),
      ]
