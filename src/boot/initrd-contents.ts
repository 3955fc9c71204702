/** What an initrd holds, as far as it decides whether a boot environment can be started with it. */
export interface InitrdContents {
  /** Paths without a leading slash. */
  readonly paths: ReadonlySet<string>
  /** Module names (`btrfs`, underscores as in /proc/modules) by kernel version. */
  readonly modules: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * From what lsinitramfs prints (initramfs-tools 0.142 and 0.148: one path a line, without a leading slash; modules under usr/lib/modules or lib/modules,
 * plain or compressed).
 */
export function parseInitrdListing(listing: string): InitrdContents {
  const paths = new Set<string>()
  const modules = new Map<string, Set<string>>()
  for (const line of listing.split('\n')) {
    const path = line.replace(/^\.?\//, '')
    if (path === '' || path === '.') continue
    paths.add(path)
    const [, version, module] = /^(?:usr\/)?lib\/modules\/([^/]+)\/.*?([^/]+)\.ko(?:\.(?:xz|zst|gz))?$/.exec(path) ?? []
    if (version === undefined || module === undefined) continue
    const known = modules.get(version) ?? new Set()
    modules.set(version, known.add(moduleName(module)))
  }
  return { paths, modules }
}

/** The modules that are part of the kernel itself, from lib/modules/VERSION/modules.builtin (`kernel/fs/ext4/ext4.ko` lines). */
export function parseBuiltinModules(text: string): Set<string> {
  return new Set([...text.matchAll(/([^/\n]+)\.ko$/gm)].map(([, name = '']) => moduleName(name)))
}

const moduleName = (file: string): string => file.replaceAll('-', '_')
