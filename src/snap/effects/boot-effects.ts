import type { BootFiles } from '../boot-files.ts'
import type { Driver } from '../driver.ts'
import type { Effects } from '../executor.ts'
import type { BootSetRecord } from '../model.ts'
import type { IndexStore } from '../index-store.ts'
import type { RebootNote } from '../reboot-note.ts'
import { BOOT_PARTITION, bindBootPartition, noBootLine } from '../fstab.ts'
import { pathInside } from '../path-inside.ts'
import { GRUB_PARTITION, inTarget, type Target } from '../target.ts'
import type { Files } from '../../sys/ports.ts'
import { rootVolumeFrom } from './results.ts'
import { nothing } from './nothing-to-undo.ts'

type BootKinds =
  | 'boot.copy'
  | 'boot.bind'
  | 'boot-set.build'
  | 'boot-set.share'
  | 'boot-set.remove'
  | 'menu.write'
  | 'choice.write'
  | 'grub.install'
  | 'grub.ensure'
  | 'reboot.note'

interface BootPorts {
  readonly target: Target
  readonly files: Files
  readonly boot: BootFiles
  readonly driver: Driver
  readonly index: IndexStore
  readonly rebootNote: RebootNote
}

/** Steps on the GRUB partition. */
export const bootEffects = ({ target, files, boot, driver, index, rebootNote }: BootPorts): Pick<Effects, BootKinds> => ({
  // Both write into a boot environment that nothing uses yet: the undo of its be.clone takes it away.
  'boot.copy': {
    apply: async (step) => boot.copyBoot(inTarget(target, '/boot'), await pathInside(files, await driver.beRootDirectory(step.be), '/boot')),
    undo: nothing,
  },
  'boot.bind': {
    apply: async (step) => {
      const root = await driver.beRootDirectory(step.be)
      const fstab = await pathInside(files, root, '/etc/fstab')
      const bound = bindBootPartition(await files.readText(fstab))
      if (bound === null) throw noBootLine()
      for (const directory of [BOOT_PARTITION, GRUB_PARTITION]) await files.makeDirectory(await pathInside(files, root, directory), 0o755)
      await files.writeAtomic(fstab, bound, 0o644)
    },
    undo: nothing,
  },
  'boot-set.build': {
    apply: async (step, { results }) => {
      const root = rootVolumeFrom(results, step.root)
      return boot.buildBootSet(step.be, await driver.directoryOf(root), driver.bootRoot(root))
    },
    // A boot environment that is in the index keeps its verified set; one that the undo destroys has none to keep.
    undo: async (step) => {
      const known = (await index.readIfAny())?.bootEnvironments.some((be) => be.name === step.be) ?? false
      if (!known) await boot.removeBootSet(step.be)
    },
  },
  'boot-set.share': {
    apply: async (step, { results }) => {
      const root = rootVolumeFrom(results, step.root)
      const held = await boot.recordOf(step.from)
      // The set of another is right only while it is what the clone's own /boot gave; else the clone's is verified anew.
      if (step.expected !== undefined && !isSameSet(held, step.expected))
        return boot.buildBootSet(step.to, await driver.directoryOf(root), driver.bootRoot(root))
      return boot.shareBootSet(step.from, step.to, driver.bootRoot(root))
    },
    undo: (step) => boot.removeBootSet(step.to),
  },
  'boot-set.remove': { apply: (step) => boot.removeBootSet(step.be), undo: nothing },
  'menu.write': {
    apply: async (step) => {
      await boot.writeMenu(await index.read(), step.choice)
    },
    // By the time this is undone the index may not be taken back yet: the undo of index.change writes the menu again.
    undo: nothing,
  },
  'choice.write': {
    apply: async (step) => {
      // GRUB keeps what it is told at once, a pool what is written into it only after a while: a version that GRUB starts must be whole.
      await driver.flush()
      await boot.writeChoice(step.to)
    },
    undo: (step) => (step.from === null ? boot.forgetChoice() : boot.writeChoice(step.from)),
    isApplied: async (step) => {
      const { choice } = await boot.readChoice()
      // GRUB counts the attempts of a trial down.
      return (
        choice !== null &&
        choice.attemptsLeft <= step.to.attemptsLeft &&
        JSON.stringify({ ...choice, attemptsLeft: 0 }) === JSON.stringify({ ...step.to, attemptsLeft: 0 })
      )
    },
  },
  'grub.install': { apply: () => boot.installGrubCfg(), undo: () => boot.restoreGrubCfg(), isApplied: () => boot.isGrubCfgOurs() },
  // belay's grub.cfg is right for every version: there is nothing to take back.
  'grub.ensure': { apply: () => boot.installGrubCfg(), undo: nothing },
  'reboot.note': { apply: (step) => rebootNote.bringUpToDate(step.text), undo: () => rebootNote.bringUpToDate('belay') },
})

const isSameSet = (a: BootSetRecord | null, b: BootSetRecord | null): boolean =>
  a !== null && b !== null && a.kernelVersion === b.kernelVersion && a.vmlinuz.sha256 === b.vmlinuz.sha256 && a.initrd.sha256 === b.initrd.sha256
