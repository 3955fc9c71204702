import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes and mounts a filesystem in a file; `release` unmounts it and removes the file. Needs root. */
export function mountLoopFilesystem(type: 'btrfs' | 'ext4', megabytes: number): { readonly mountpoint: string; release(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'belay-test-'))
  const image = join(directory, 'image')
  const mountpoint = join(directory, 'mnt')
  mkdirSync(mountpoint)
  writeFileSync(image, '')
  truncateSync(image, megabytes * 1024 * 1024)
  if (type === 'btrfs') execFileSync('/usr/sbin/mkfs.btrfs', ['--quiet', image])
  else execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', image])
  execFileSync('/usr/bin/mount', ['-o', 'loop', image, mountpoint])
  return {
    mountpoint,
    release: () => {
      execFileSync('/usr/bin/umount', ['--recursive', mountpoint])
      rmSync(directory, { recursive: true })
    },
  }
}
