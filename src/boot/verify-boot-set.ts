import { posix } from 'node:path'
import { NotFoundError, RefusedError, ToolError } from '../errors.ts'
import type { EntryStat, Files, Runner } from '../sys/ports.ts'
import { KERNEL_HEADER_BYTES, parseKernelImage } from './bzimage.ts'
import { parseBuiltinModules, parseInitrdListing, type InitrdContents } from './initrd-contents.ts'
import { compareKernelVersions } from './kernel-version-order.ts'

/** The filesystem of the root; also the name of the module that mounts it. */
export type RootFilesystemName = 'btrfs' | 'zfs'

/** A kernel with its initrd and modules in a root directory, not yet verified. */
export interface KernelFiles {
  readonly version: string
  readonly vmlinuz: { readonly path: string; readonly stat: EntryStat }
  readonly initrd: { readonly path: string; readonly stat: EntryStat }
}

interface Machine {
  readonly files: Files
  readonly runner: Runner
  /** Path of libexec/list-initrd. */
  readonly listInitrd: string
}

/** How the module comes into a root that does not have it for a kernel. */
const WITHOUT_MODULE: Readonly<Record<RootFilesystemName, (version: string) => readonly string[]>> = {
  btrfs: (version) => [`apt-get install --reinstall linux-image-${version}`],
  zfs: (version) => [`dkms autoinstall -k ${version}   (with zfs-dkms; otherwise install your vendor’s ZFS modules for that kernel)`],
}

/** A path as that root itself knows it: where belay has mounted it is of no use to a reader. */
const inRoot = (root: string, path: string): string => `/${posix.relative(root, path)}`

const modulesDirectory = (root: string, version: string): string => posix.join(root, 'lib/modules', version)

/**
 * The newest kernel below `root` that has vmlinuz-VERSION, initrd.img-VERSION and lib/modules/VERSION/modules.dep.
 * @throws RefusedError `boot-set/no-kernel` when there is no pair of kernel and initrd, `boot-set/no-modules` when no such pair has modules.
 */
export async function findNewestKernel({ files }: Pick<Machine, 'files'>, root: string): Promise<KernelFiles> {
  const boot = posix.join(root, 'boot')
  const names = await files.list(boot).catch((error: unknown) => {
    if (error instanceof NotFoundError) return []
    throw error
  })
  const versions = names.flatMap((name) => (name.startsWith('vmlinuz-') ? [name.slice('vmlinuz-'.length)] : []))
  let paired = 0
  for (const version of versions.toSorted(compareKernelVersions).toReversed()) {
    const vmlinuz = await nonEmptyFile(files, posix.join(boot, `vmlinuz-${version}`))
    const initrd = await nonEmptyFile(files, posix.join(boot, `initrd.img-${version}`))
    if (vmlinuz === null || initrd === null) continue
    paired += 1
    if ((await nonEmptyFile(files, posix.join(modulesDirectory(root, version), 'modules.dep'))) !== null) return { version, vmlinuz, initrd }
  }
  if (paired > 0) {
    throw refused(
      'no-modules',
      `no kernel in ${boot} has its modules in ${posix.join(root, 'lib/modules')}`,
      ['apt-get install --reinstall linux-image-amd64'],
      {
        versions,
      },
    )
  }
  throw refused('no-kernel', `${boot} has no kernel with an initrd`, ['update-initramfs -c -k all', 'belay doctor'], { versions })
}

/**
 * Proves that a kernel and its initrd belong together and can mount the root. Reads the kernel's header and lists the initrd with the tools of that root.
 * @throws RefusedError, one code for each cause: `boot-set/kernel-unreadable`, `version-mismatch`, `initrd-unreadable`, `initrd-lacks-module`, `initrd-lacks-file`.
 */
export async function verifyKernelFiles(
  machine: Machine,
  options: {
    readonly root: string
    readonly kernel: KernelFiles
    readonly filesystem: RootFilesystemName
    /** Paths in the initrd, without a leading slash. */
    readonly initrdHolds: readonly string[]
  },
): Promise<void> {
  const { root, kernel, filesystem, initrdHolds } = options
  await verifyKernel(machine.files, root, kernel)
  const contents = parseInitrdListing(await listInitrd(machine, root, kernel))
  const initrd = inRoot(root, kernel.initrd.path)
  const data = { version: kernel.version, initrd }
  const rebuild = [`update-initramfs -u -k ${kernel.version}`]
  // An initrd of several archives that breaks off between two of them is listed without an error.
  if (!contents.paths.has('init')) throw refused('initrd-unreadable', `${initrd} has no /init: it is not whole`, rebuild, data)
  await verifyModules(machine.files, root, kernel, contents, filesystem)
  const missing = initrdHolds.filter((path) => !contents.paths.has(path) && !contents.paths.has(`usr/${path}`))
  if (missing.length > 0) throw refused('initrd-lacks-file', `${initrd} does not hold ${missing.join(', ')}`, rebuild, { ...data, missing })
}

async function verifyKernel(files: Files, root: string, { version, vmlinuz }: KernelFiles): Promise<void> {
  const image = parseKernelImage(await files.readBytes(vmlinuz.path, { offset: 0, length: KERNEL_HEADER_BYTES }))
  const reinstall = [`apt-get install --reinstall linux-image-${version}`]
  if (image === null) throw refused('kernel-unreadable', `${inRoot(root, vmlinuz.path)} is not a Linux kernel`, reinstall, { version })
  if (image.format === 'bzimage' && image.version !== version) {
    throw refused('version-mismatch', `${inRoot(root, vmlinuz.path)} is kernel ${image.version}`, reinstall, { version, found: image.version })
  }
}

async function verifyModules(
  files: Files,
  root: string,
  { version, initrd }: KernelFiles,
  { modules }: InitrdContents,
  filesystem: RootFilesystemName,
): Promise<void> {
  const rebuild = [`update-initramfs -u -k ${version}`]
  const path = inRoot(root, initrd.path)
  const data = { version, initrd: path, found: [...modules.keys()] }
  const own = modules.get(version)
  if (own === undefined) throw refused('version-mismatch', `${path} holds no modules of kernel ${version}`, rebuild, data)
  if (own.has(filesystem)) return
  const builtin = await files.readText(posix.join(modulesDirectory(root, version), 'modules.builtin')).catch((error: unknown) => {
    if (error instanceof NotFoundError) return ''
    throw error
  })
  if (parseBuiltinModules(builtin).has(filesystem)) return
  const text = `${path} lacks the module ${filesystem} for kernel ${version}: it could not mount the root`
  const installed = (await files.readText(posix.join(modulesDirectory(root, version), 'modules.dep'))).includes(`/${filesystem}.ko`)
  throw refused('initrd-lacks-module', text, installed ? rebuild : [...WITHOUT_MODULE[filesystem](version), ...rebuild], data)
}

/** The initrd's listing, by the lsinitramfs of that root: its version knows the compression that its update-initramfs used. */
async function listInitrd({ runner, listInitrd: program }: Machine, root: string, { initrd }: KernelFiles): Promise<string> {
  const inside = inRoot(root, initrd.path)
  const [tool, args] = root === '/' ? ['/usr/bin/lsinitramfs', [inside]] : [program, [root, inside]]
  try {
    return (await runner.run(tool, args)).stdout
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    throw refused(
      'initrd-unreadable',
      `${inside} cannot be listed: ${error.stderr.trim().slice(-300)}`,
      ['update-initramfs -u -k all'],
      { initrd: initrd.path },
      error,
    )
  }
}

async function nonEmptyFile(files: Files, path: string): Promise<{ readonly path: string; readonly stat: EntryStat } | null> {
  const stat = await files.stat(path)
  return stat?.kind === 'file' && stat.size > 0 ? { path, stat } : null
}

function refused(code: string, message: string, next: readonly string[], data: Readonly<Record<string, unknown>>, cause?: unknown): RefusedError {
  return new RefusedError(`boot-set/${code}`, message, { next, data, cause })
}
