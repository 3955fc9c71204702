import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SUITE } from '../../../demo/debian-archive.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { findKernelRelease } from '../../../demo/zfs/kernel-release.ts'
import { ensureZfsModules } from '../../../demo/zfs/zfs-modules.ts'

const DPKG_DEB = '/usr/bin/dpkg-deb'
const MODINFO = '/usr/sbin/modinfo'

const LIMIT_MS = 60 * 60_000

describe('a package of OpenZFS modules', () => {
  it.each(['release', 'security'] as const)('fits the kernel of the %s archive and what the OpenZFS tools ask for', { timeout: LIMIT_MS }, async (from) => {
    const kernel = await findKernelRelease(SUITE, from)
    const { path, name } = await ensureZfsModules({ suite: SUITE, kernel })
    const directory = await mkdtemp('/var/tmp/belay-zfs-modules-')
    try {
      const field = async (of: string) => (await runTool(DPKG_DEB, ['--field', path, of])).stdout.trim()
      expect(await field('Package')).toBe(name)
      expect(await field('Depends')).toContain(`linux-image-${kernel}`)
      expect(await field('Provides')).toBe('zfs-modules')
      await runTool(DPKG_DEB, ['--extract', path, directory])
      for (const module of ['spl', 'zfs']) {
        const file = join(directory, 'usr/lib/modules', kernel, 'extra', `${module}.ko`)
        expect((await runTool(MODINFO, ['--field', 'vermagic', file])).stdout.split(' ')[0]).toBe(kernel)
        expect(await field('Version')).toMatch(new RegExp(`^${(await runTool(MODINFO, ['--field', 'version', file])).stdout.split('-')[0] ?? 'no version'}-`))
      }
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
