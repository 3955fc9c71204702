import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { libexec } from '../../../src/program-directory.ts'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { createShellSettler } from '../../../src/sys/settler.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { mountLoopFilesystem } from '../loop-filesystem.ts'

const ext4 = mountLoopFilesystem('ext4', 16)
const tmpfs = join(ext4.mountpoint, 'tmpfs')

afterAll(() => {
  ext4.release()
})

describe('the settler with the script that belay ships', () => {
  const log = new RecordingLog()
  const runner = createExecaRunner(log)
  const settler = createShellSettler({ runner, files: createNodeFiles(runner), log, script: libexec('freeze-thaw') })
  const warnings = () => log.entries.filter(({ level }) => level === 'warn')

  it('leaves the filesystem thawed', async () => {
    await settler.settle(ext4.mountpoint)
    writeFileSync(join(ext4.mountpoint, 'after'), 'writable again')
    expect(warnings()).toEqual([])
  })

  it('accepts a filesystem that cannot be frozen, with a warning', async () => {
    execFileSync('/usr/bin/mkdir', [tmpfs])
    execFileSync('/usr/bin/mount', ['-t', 'tmpfs', 'tmpfs', tmpfs])
    await settler.settle(tmpfs)
    expect(warnings()).toMatchObject([{ facts: { mountpoint: tmpfs } }])
  })

  it('fails for what is no mount point', async () => {
    await expect(settler.settle('/no/such/mountpoint')).rejects.toMatchObject({ code: 'tool' })
  })
})
