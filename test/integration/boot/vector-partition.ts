import { bootEnvironmentPath, BOOT_SET_FILES, LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import type { BootVector, VectorSet } from './boot-vectors.ts'
import type { PartitionContent } from './grub-machine.ts'
import { printingInitrd, printingKernel } from './printing-kernel.ts'

type Content = PartitionContent[string]

const KERNELS: Record<VectorSet['kernel'], Content | undefined> = { good: printingKernel('6.12.0-test'), junk: Buffer.alloc(8192, 'junk'), missing: undefined }

const initrdOf = ({ be, initrd }: VectorSet): Content | undefined => {
  if (initrd === 'missing') return undefined
  if (initrd === 'empty') return Buffer.alloc(0)
  return initrd === 'huge' ? { holeOf: 512 * 1024 * 1024 } : printingInitrd(be)
}

/** The GRUB partition of a vector, in the layout that belay makes. */
export function vectorPartition(vector: BootVector, grubCfg: string): PartitionContent {
  const files: Record<string, Content | undefined> = {
    [LAYOUT.grubCfg]: grubCfg,
    [LAYOUT.bootEnvironments]: null,
    [LAYOUT.env]: vector.env ?? undefined,
    [LAYOUT.fragment]: vector.fragment ?? undefined,
    [LAYOUT.debianMenu]: vector.debianMenu,
  }
  for (const set of vector.sets) {
    const directory = `${LAYOUT.sets}/${set.be}.1`
    files[`${directory}/${BOOT_SET_FILES.record}`] = '{}'
    files[`${directory}/${BOOT_SET_FILES.vmlinuz}`] = KERNELS[set.kernel]
    files[`${directory}/${BOOT_SET_FILES.initrd}`] = initrdOf(set)
    files[`${directory}/${BOOT_SET_FILES.entry}`] = set.entry ?? undefined
    files[bootEnvironmentPath(set.be)] = { linkTo: `../sets/${set.be}.1` }
  }
  return Object.fromEntries(Object.entries(files).filter((file): file is [string, Content] => file[1] !== undefined))
}
