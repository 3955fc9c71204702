import { ToolError } from '../../../src/errors.ts'
import type { Files, Runner, ToolResult } from '../../../src/sys/ports.ts'
import { printingKernel } from '../../integration/boot/printing-kernel.ts'

export const VERSION = '6.12.107+deb13-amd64'
export const NEWER = '6.12.117+deb13-amd64'

/** What is in the initrds of a root, by path inside it; a missing one cannot be listed. */
export class ListingRunner implements Runner {
  readonly listings = new Map<string, string>()
  readonly calls: string[] = []

  run(tool: string, args: readonly string[]): Promise<ToolResult> {
    this.calls.push([tool, ...args].join(' '))
    const listing = this.listings.get(args.at(-1) ?? '')
    if (listing === undefined) return Promise.reject(new ToolError(tool, args, 1, 'cpio: premature end of archive'))
    return Promise.resolve({ status: 0, stdout: listing, stderr: '' })
  }

  stream(tool: string, args: readonly string[]): Promise<ToolResult> {
    return this.run(tool, args)
  }
}

export const listingOf = (version: string, modules: readonly string[] = ['btrfs']): string =>
  ['.', 'init', 'scripts', ...modules.map((module) => `usr/lib/modules/${version}/kernel/fs/${module}/${module}.ko.xz`)].join('\n')

/** Puts a kernel, its initrd and its modules below a root, as dpkg and update-initramfs do. */
export async function installKernel(
  files: Files,
  runner: ListingRunner,
  options: { readonly root: string; readonly version: string; readonly initrd?: string; readonly says?: string; readonly listing?: string | null },
): Promise<void> {
  const { root, version, initrd = `initrd of ${version}`, says = version, listing = listingOf(version) } = options
  const boot = `${root === '/' ? '' : root}/boot`
  const modules = `${root === '/' ? '' : root}/lib/modules/${version}`
  for (const directory of [boot, modules]) await files.makeDirectory(directory)
  await files.writeAtomic(`${boot}/vmlinuz-${version}`, printingKernel(says))
  await files.writeAtomic(`${boot}/initrd.img-${version}`, initrd)
  await files.writeAtomic(`${modules}/modules.dep`, 'kernel/fs/btrfs/btrfs.ko.xz:\n')
  await files.writeAtomic(`${modules}/modules.builtin`, 'kernel/fs/ext4/ext4.ko\n')
  if (listing !== null) runner.listings.set(`/boot/initrd.img-${version}`, listing)
}
