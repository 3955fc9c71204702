import { createHash } from 'node:crypto'
import { access, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { subvolumeOf, whatGrubWouldBoot } from '../../demo/appliance/grub-choice.ts'
import { untilUnused } from '../../demo/appliance/loop-device.ts'
import { runTool } from '../../demo/run-tool.ts'
import type { WhatBoots } from '../../src/boot/next-boot-from-files.ts'
import { LAYOUT } from '../../src/boot/grub-partition-layout.ts'
import type { Machine } from '../integration/belay/machine.ts'
import { expectWhole } from '../integration/belay/whole-appliance.ts'
import type { Operation } from './operations.ts'
import { type Recording, versionIn } from './recording.ts'

/** What doctor may list after a boot that nobody planned: the fallback that has happened, which a confirmation ends. */
const AFTER_A_CUT: ReadonlySet<string> = new Set(['fell-back', 'reboot-pending'])

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

/**
 * Switches a machine on after a power cut and looks at all that must be true of it. The disk is read as GRUB reads it before anything replays a journal.
 * @param machine on a copy of the disk, attached and not mounted
 * @returns whether the operation is done on it
 */
export async function expectSurvived(machine: Machine, recording: Recording, operation: Operation): Promise<boolean> {
  const choice = await whatGrubWouldBoot(machine.appliance)
  expect(choice, 'GRUB finds something to start').not.toBeNull()
  if (choice === null) return false
  await expectKnownMenu(machine, recording)
  const kernelVersion = await expectWholeBootSet(machine, recording, choice)

  await machine.appliance.mountRoot(subvolumeOf(choice))
  await machine.appliance.unmountRoot()
  await expectSoundFilesystems(machine)
  await machine.appliance.mountRoot(subvolumeOf(choice))
  await leaveAsGrubDoes(machine, choice)

  await expectOneVersion(machine, recording, choice.be)
  await access(join(machine.root, 'usr/lib/modules', kernelVersion, 'modules.dep'))
  return expectRecovery(machine, recording, operation)
}

/** The choice was read by the rules of grub.cfg, which GRUB reads from there. */
async function expectKnownMenu({ appliance }: Machine, { before, after }: Recording): Promise<void> {
  expect([before.grubCfg, after.grubCfg], 'grub.cfg is whole').toContain((await appliance.grubReads(`/${LAYOUT.grubCfg}`)).toString('utf8'))
}

async function expectWholeBootSet({ appliance }: Machine, { bootSets }: Recording, { be, kernel, initrd }: WhatBoots): Promise<string> {
  const found = { vmlinuz: sha256(await appliance.grubReads(`/${kernel}`)), initrd: sha256(await appliance.grubReads(`/${initrd}`)) }
  const offered = (bootSets[be] ?? []).map((set) => ({ vmlinuz: set.vmlinuz.sha256, initrd: set.initrd.sha256 }))
  expect(offered, `the boot set of ${be} is whole`).toContainEqual(found)
  return bootSets[be]?.find((set) => set.initrd.sha256 === found.initrd)?.kernelVersion ?? ''
}

/** After their journals were replayed. */
async function expectSoundFilesystems({ appliance }: Machine): Promise<void> {
  for (const device of [appliance.grubDevice, appliance.btrfsDevice]) await untilUnused(device)
  const [ext4, btrfs] = await Promise.all([
    runTool('/usr/sbin/e2fsck', ['-f', '-n', appliance.grubDevice], { expect: [0, 4] }),
    runTool('/usr/bin/btrfs', ['check', '--readonly', appliance.btrfsDevice], { expect: [0, 1] }),
  ])
  expect(ext4.status, `e2fsck: ${ext4.stdout}${ext4.stderr}`).toBe(0)
  expect(btrfs.status, `btrfs check: ${btrfs.stdout}${btrfs.stderr}`).toBe(0)
}

/** GRUB counts attempts in the env block before it starts anything. */
async function leaveAsGrubDoes(machine: Machine, { envAfter }: WhatBoots): Promise<void> {
  if (envAfter === null) return
  const env = join(machine.root, 'boot/grub', LAYOUT.env)
  if ((await readFile(env)).equals(envAfter)) return
  const file = await open(env, 'r+')
  await file.write(envAfter, 0, envAfter.length, 0)
  await file.close()
}

const PARTS = ['packages', 'files', 'data'] as const

/** All of the version that was, or all of the new one: its packages, their files, and the data that go with it. */
async function expectOneVersion({ root }: Machine, { before, after }: Recording, be: string): Promise<void> {
  const started = await versionIn(root)
  const others = [before, after].map((version) => PARTS.filter((part) => version[part] !== started[part]))
  expect(others, `what of ${be} is not of the old version, and what not of the new one: ${JSON.stringify(others)}`).toContainEqual([])
  const { stdout } = await runTool('/usr/bin/dpkg', [`--admindir=${root}/var/lib/dpkg`, '--audit'], { expect: [0, 1] })
  expect(stdout, 'dpkg --audit').toBe('')
}

/** What the boot and the next operation do; afterwards nothing is half and doctor has nothing to say. */
async function expectRecovery(machine: Machine, { before, after }: Recording, operation: Operation): Promise<boolean> {
  await machine.must('booted')
  const { findings } = await machine.doctor('--fix')
  expect(
    findings.filter(({ code, severity }) => severity === 'problem' && !AFTER_A_CUT.has(code)),
    'what doctor cannot mend',
  ).toEqual([])
  const status = await machine.status()
  expect(await machine.grubBoots(), 'GRUB starts what status says').toBe(status.next?.be)
  const isDone = await operation.isDone({ machine, status, before: before.status, after: after.status })
  const { running, choice, session } = status
  if (findings.some(({ code }) => code === 'fell-back') || session !== null || choice?.good !== running?.be) await machine.must('confirm')
  await expectWhole(machine)
  return isDone
}
