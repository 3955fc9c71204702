import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { describeFilesContract } from '../../contract/files-contract.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { mountLoopFilesystem } from '../loop-filesystem.ts'

const files = createNodeFiles(createExecaRunner(new RecordingLog()))
const ext4 = mountLoopFilesystem('ext4', 12)
const large = { ext4: mountLoopFilesystem('ext4', 96), btrfs: mountLoopFilesystem('btrfs', 256) }

afterAll(() => {
  for (const filesystem of [ext4, large.ext4, large.btrfs]) filesystem.release()
})

function emptyDirectories(mountpoint: string): { directory: string; smallDirectory: string } {
  rmSync(join(ext4.mountpoint, 'small'), { recursive: true, force: true })
  mkdirSync(join(ext4.mountpoint, 'small'))
  return { directory: mkdtempSync(join(mountpoint, 'test-')), smallDirectory: join(ext4.mountpoint, 'small') }
}

describeFilesContract('files of Node on btrfs', () =>
  Promise.resolve({
    ...emptyDirectories(large.btrfs.mountpoint),
    files,
    attachVolume: (path) => {
      execFileSync('/usr/bin/btrfs', ['subvolume', 'create', path], { stdio: 'ignore' })
      return Promise.resolve()
    },
  }),
)

describeFilesContract('files of Node on ext4', () =>
  Promise.resolve({
    ...emptyDirectories(large.ext4.mountpoint),
    files,
    attachVolume: (path) => {
      mkdirSync(path)
      execFileSync('/usr/bin/mount', ['-t', 'tmpfs', 'tmpfs', path])
      return Promise.resolve()
    },
  }),
)

describe('files of Node', () => {
  it('do not remove through a bind mount, which has the same device number', async () => {
    const { directory } = emptyDirectories(large.ext4.mountpoint)
    const precious = join(directory, 'precious data')
    mkdirSync(precious)
    await files.writeAtomic(join(precious, 'x'), 'x')
    const bound = join(directory, 'tree', 'bound here')
    await files.makeDirectory(bound)
    execFileSync('/usr/bin/mount', ['--bind', precious, bound])
    await expect(files.remove(join(directory, 'tree'))).rejects.toMatchObject({ code: 'filesystem-boundary', data: { path: bound } })
    expect(await files.list(precious)).toEqual(['x'])
  })

  it('preallocate takes real blocks', async () => {
    const { directory } = emptyDirectories(large.ext4.mountpoint)
    await files.preallocate(join(directory, 'reserve'), 1024 * 1024)
    expect(statSync(join(directory, 'reserve')).blocks).toBeGreaterThanOrEqual(2048)
  })

  it('report unlimited inodes where the filesystem has no inode table', async () => {
    expect((await files.space(large.btrfs.mountpoint)).freeInodes).toBe(Number.MAX_SAFE_INTEGER)
    expect((await files.space(large.ext4.mountpoint)).freeInodes).toBeLessThan(1_000_000)
  })
})
