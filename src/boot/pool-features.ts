import { posix } from 'node:path'
import { BelayError } from '../errors.ts'
import type { Files, Runner } from '../sys/ports.ts'

/** Programs that unpack a kernel module to standard output, by the end of its name. */
const UNPACK: Readonly<Record<string, string>> = { '.xz': '/usr/bin/xz', '.zst': '/usr/bin/zstd', '.gz': '/usr/bin/gzip' }

/** Where the table of features is: in zcommon.ko up to OpenZFS 2.1, in zfs.ko since 2.2, which has all but spl.ko in it. */
const MODULE = /(?:^|\/)(?:zfs|zcommon)\.ko(?:\.\w+)?$/

/**
 * Names of pool features (zpool-features(7)) in a module: it holds each feature's identifier, `org.zfsonlinux:large_dnode`, as a string. Keys of the pool
 * directory have the same form, so that there are names here that are no features; none that it knows is missing.
 */
export function featuresInModule(content: string): string[] {
  const names = [...content.matchAll(/\0(?:[a-z0-9-]+\.)+[a-z0-9-]+:([a-z0-9_]+)(?=\0)/g)].map(([, name = '']) => name)
  return [...new Set(names)].toSorted()
}

/** Features that a root's ZFS knows under a kernel: a pool that uses others cannot be imported by it. Null when belay cannot read them. */
export async function readPoolFeatures(machine: { readonly files: Files; readonly runner: Runner }, root: string, version: string): Promise<string[] | null> {
  const directory = posix.join(root, 'lib/modules', version)
  try {
    const dependencies = await machine.files.readText(posix.join(directory, 'modules.dep'))
    const line = /^(?:[^:\n]*\/)?zfs\.ko(?:\.\w+)?:.*$/m.exec(dependencies)?.[0]
    if (line === undefined) return null
    const modules = line
      .replace(':', '')
      .split(' ')
      .filter((path) => MODULE.test(path))
    const found = await Promise.all(modules.map(async (path) => featuresInModule(await readModule(machine, posix.join(directory, path)))))
    return [...new Set(found.flat())].toSorted()
  } catch (error) {
    if (error instanceof BelayError) return null
    throw error
  }
}

async function readModule({ files, runner }: { readonly files: Files; readonly runner: Runner }, path: string): Promise<string> {
  const unpack = UNPACK[posix.extname(path)]
  if (unpack === undefined) return (await files.readBytes(path)).toString('latin1')
  return (await runner.run(unpack, ['--decompress', '--stdout', '--', path])).stdout
}
