import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectoryOf } from '../../../demo/cache/cache-directory.ts'
import { withCacheLock } from '../../../demo/cache/cache-lock.ts'
import { ensureCachedFile } from '../../../demo/cache/cached-file.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import { runTool } from '../../../demo/run-tool.ts'

const RECIPE = {
  variant: 'apt',
  packages: ['debconf', 'init-system-helpers'],
  customize: 'rm -rf "$1/var/lib/apt/lists" "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.d"',
} as const

export type Suite = 'bookworm' | 'trixie'

export interface DebianRoot {
  /** A writable view of its own; what is done in it is gone with `release`. */
  overlay: () => Promise<{ readonly directory: string; readonly release: () => Promise<void> }>
  release: () => Promise<void>
}

/** A real root with apt, dpkg and debconf and no archive, made by mmdebstrap when the cache has none. */
export async function openDebianRoot(suite: Suite): Promise<DebianRoot> {
  const cache = cacheDirectoryOf(process.env)
  const archive = join(cache, `apt-root-${await recipeHash({ ...RECIPE, suite })}.tar`)
  await withCacheLock(cache, `apt-root-${suite}`, () =>
    ensureCachedFile(archive, async (temporary) => {
      await runTool('/usr/bin/mmdebstrap', [
        '--format=tar',
        `--variant=${RECIPE.variant}`,
        '--aptopt=APT::Install-Recommends "false"',
        '--dpkgopt=path-exclude=/usr/share/doc/*',
        '--dpkgopt=path-exclude=/usr/share/locale/*',
        '--dpkgopt=path-exclude=/usr/share/man/*',
        `--include=${RECIPE.packages.join(',')}`,
        `--customize-hook=${RECIPE.customize}`,
        suite,
        temporary,
      ])
    }),
  )
  const scratch = await mkdtemp(join(tmpdir(), 'belay-apt-root-'))
  const lower = join(scratch, 'lower')
  await mkdir(lower)
  await runTool('/usr/bin/tar', ['--extract', `--file=${archive}`, `--directory=${lower}`])
  let overlays = 0
  return {
    async overlay() {
      overlays += 1
      const place = join(scratch, String(overlays))
      const [upper, work, directory] = [join(place, 'upper'), join(place, 'work'), join(place, 'root')]
      for (const path of [place, upper, work, directory]) await mkdir(path)
      await runTool('/usr/bin/mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, directory])
      return {
        directory,
        release: async () => {
          await runTool('/usr/bin/umount', ['--recursive', directory])
          await rm(place, { recursive: true })
        },
      }
    },
    release: () => rm(scratch, { recursive: true }),
  }
}
