import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFromGrubPartition } from '../../../demo/appliance/grub-reads.ts'
import { whatGrubWouldBoot } from '../../../demo/appliance/grub-choice.ts'
import { runTool } from '../../../demo/run-tool.ts'
import type { OperationReport } from '../../../src/operations/operation-report.ts'
import { faultPointsOf } from '../../../src/snap/fault-points.ts'
import { Filling } from './full-disk.ts'
import { Machine, problemsOf } from './machine.ts'
import { belongings, codesOf, expectWhole } from './whole-appliance.ts'

/** A machine as Debian's installer leaves it when it is asked for a /boot of its own: one ext4 at /boot holds the kernels and GRUB. */
const INIT = ['init', '--config', '/etc/acme', '--data-format', '/usr/share/acme/data-format', '--important', 'acme-*', '--yes'] as const
const KERNEL_FILE = /^(?:vmlinuz|initrd\.img|config|System\.map)-/
const ASIDE = 'boot/grub-partition'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Kernels and what belongs to them, by name and content. */
const kernelsIn = async (directory: string): Promise<Record<string, string>> => {
  const names = (await readdir(directory)).filter((name) => KERNEL_FILE.test(name)).sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(directory, name)))] as const)))
}

/** What GRUB itself finds in its directory and on the partition, without the journal. */
const grubCfg = async (machine: Machine): Promise<string> => (await machine.appliance.grubReads('/grub.cfg')).toString('utf8')
const onPartition = (machine: Machine, path: string): Promise<Buffer> => readFromGrubPartition(machine.appliance.rawImage, path)

const mountsOf = async (machine: Machine): Promise<string[]> =>
  (await machine.appliance.run('/usr/bin/findmnt', ['--noheadings', '--raw', '--output', 'TARGET,FSTYPE,FSROOT'])).stdout
    .split('\n')
    .filter((line) => line.startsWith('/boot'))
    .sort()

describe('init on one ext4 partition at /boot', () => {
  let plain: Machine

  beforeAll(async () => {
    plain = await Machine.make({ plain: true, layout: 'boot-partition' })
  })

  afterAll(async () => {
    await plain.close()
  })

  it('says what moves and the way back, and changes nothing with --plan', async () => {
    const { plan } = await plain.plan(...INIT.filter((word) => word !== '--yes'))
    const text = plan.notices.join('\n')
    for (const part of ['vmlinuz-', 'moves into root', '/boot/grub-partition', 'The system as it was before belay']) expect(text).toContain(part)
    expect((await belongings(plain)).subvolumes).toEqual([])
    expect(await readdir(join(plain.root, 'boot/grub'))).not.toContain('belay')
  })

  it('is refused before the first change where the partition has no room for a boot set', async () => {
    const filling = new Filling(join(plain.root, 'boot'))
    await filling.fill(40 * 1024 * 1024)
    const { next, ...error } = await plain.refusal([...INIT])
    expect(error).toMatchObject({ code: 'no-space', exitCode: 12, data: { where: '/boot/grub' } })
    expect(error.message).toMatch(/init needs \d+ MiB on the partition at \/boot; \d+ MiB is free/)
    expect(next.join('\n')).toContain('apt-get autoremove')
    expect((await belongings(plain)).subvolumes).toEqual([])
    await filling.empty()
    // Removed now, so that later comparisons of the partition do not meet it.
    await rm(join(plain.root, 'boot/filling'), { recursive: true, force: true })
  })

  it('is refused where no line of fstab mounts /boot, and where /boot/grub is yet another partition', async () => {
    const fstab = join(plain.root, 'etc/fstab')
    const before = await readFile(fstab, 'utf8')
    await writeFile(fstab, before.replace(/^.* \/boot .*\n/m, ''))
    expect(await plain.refusal([...INIT])).toMatchObject({ code: 'layout/boot-fstab', exitCode: 10 })
    await writeFile(fstab, before)

    await plain.atTopLevel(async () => {
      const image = join(plain.root, 'var/tmp/other.ext4')
      await runTool('/usr/bin/truncate', ['--size', '64M', image])
      await runTool('/usr/sbin/mkfs.ext4', ['-q', '-F', image])
      await runTool('/usr/bin/mount', ['-o', 'loop', '--', image, join(plain.root, 'boot/grub')])
      try {
        expect(await plain.refusal([...INIT])).toMatchObject({ code: 'layout/boot', exitCode: 10 })
      } finally {
        await runTool('/usr/bin/umount', ['--', join(plain.root, 'boot/grub')])
        await rm(image)
      }
    })
  })

  it('killed at any step leaves Debian’s menu and kernels until its last step, and begins anew', async () => {
    const { plan } = await plain.plan(...INIT.filter((word) => word !== '--yes'))
    const points = faultPointsOf(plan.steps.map(({ id }) => ({ id })))
    const debian = await grubCfg(plain)
    const [fstab, kernels] = [await readFile(join(plain.root, 'etc/fstab'), 'utf8'), await kernelsIn(join(plain.root, 'boot'))]
    const commit = points.indexOf('grub.begun')
    // Each run first takes back the one before.
    for (const point of points.slice(0, commit + 1)) {
      const run = await plain.belay(INIT, { env: { BELAY_FAULT: `${point}:kill` } })
      expect(run.signal, `${point}: ${run.stderr}${run.stdout}`).toBe('SIGKILL')
      expect(await grubCfg(plain), point).toBe(debian)
      expect(await readFile(join(plain.root, 'etc/fstab'), 'utf8'), point).toBe(fstab)
    }
    expect(await kernelsIn(join(plain.root, 'boot'))).toEqual(kernels)

    const run = await plain.belay(INIT, { env: { BELAY_FAULT: 'grub.applied:kill' } })
    expect(run.signal).toBe('SIGKILL')
    await plain.must('doctor', '--fix')
    await plain.reboot()
    await expectWhole(plain)
    expect(await plain.grubBoots()).toBe((await plain.status()).running?.be)
    expect(await kernelsIn(join(plain.root, 'boot'))).toEqual(kernels)
  }, 900_000)
})

describe('a machine that had one ext4 partition at /boot', () => {
  let machine: Machine
  let installed: Record<string, string>
  let debian: string
  let report: OperationReport

  beforeAll(async () => {
    machine = await Machine.make({ plain: true, layout: 'boot-partition' })
    installed = await kernelsIn(join(machine.root, 'boot'))
    debian = await grubCfg(machine)
    // A kernel that was forgotten below the mount point is none of this system's.
    await machine.atTopLevel(async (top) => writeFile(join(top, '@rootfs/boot/vmlinuz-99.9'), 'forgotten'))
    await mkdir(join(machine.root, 'boot/efi'))
    report = await machine.operation(...INIT)
  })

  afterAll(async () => {
    await machine.close()
  })

  it('runs on as it was until the reboot: its kernels, its fstab, and all that belay says', async () => {
    expect(await mountsOf(machine)).toEqual(['/boot ext4 /'])
    expect(await kernelsIn(join(machine.root, 'boot'))).toEqual(installed)
    const doctor = await machine.doctor()
    expect(problemsOf(doctor)).toEqual([])
    expect(codesOf(doctor)).toContain('reboot-pending')
    expect(await machine.grubBoots()).toBe('be-000001')
    expect(report.plan.steps.map(({ id }) => id)).toContain('copy-boot')
  })

  it('has its kernels in root after the reboot, with their attributes, and GRUB’s directory where GRUB finds it', async () => {
    const before = await runTool('/usr/bin/stat', ['--format', '%n %a %u %g %Y %s', ...Object.keys(installed)], { cwd: join(machine.root, 'boot') })
    await machine.reboot()
    expect(await mountsOf(machine)).toEqual(['/boot/grub ext4 /grub', '/boot/grub-partition ext4 /'])
    const boot = join(machine.root, 'boot')
    expect(await kernelsIn(boot)).toEqual(installed)
    expect((await runTool('/usr/bin/stat', ['--format', '%n %a %u %g %Y %s', ...Object.keys(installed)], { cwd: boot })).stdout).toBe(before.stdout)
    expect((await readdir(boot)).filter((name) => !KERNEL_FILE.test(name)).sort()).toEqual(['efi', 'grub', 'grub-partition'])

    const ask = async (program: string, ...args: string[]) => (await machine.appliance.run(program, args)).stdout.trim()
    expect(await ask('/usr/bin/grub-mkrelpath', '/boot/grub')).toBe('/grub')
    expect(await ask('/usr/bin/grub-mkrelpath', '/boot/grub/belay/be')).toBe('/grub/belay/be')
    expect(await ask('/usr/sbin/grub-probe', '--target=fs_uuid', '/boot/grub')).toBe(machine.appliance.grubUuid)
    // The GRUB of this machine, Debian 12's where the appliance is Debian 13, follows the bind mount too.
    expect((await runTool('/usr/bin/grub-mkrelpath', [join(machine.root, 'boot/grub')])).stdout.trim()).toBe('/grub')
    await expectWhole(machine)
  })

  it('has a note for the kernels that only the old system needs when room gets short, and none before', async () => {
    const filling = new Filling(join(machine.root, ASIDE))
    await filling.fill(30 * 1024 * 1024)
    const { findings } = await machine.doctor()
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['boot-partition', 'note']])
    expect(findings[0]?.remedy).toContain('rm vmlinuz-*')
    await filling.empty()
    await expectWhole(machine)
  })

  it('keeps the system of before in the menu, with its own kernels, and that one starts and knows where it is', async () => {
    const menu = await grubCfg(machine)
    expect(menu).toMatch(/menuentry 'The system as it was before belay'[^}]*configfile "\$prefix\/belay\/grub\.cfg\.before"/)
    expect((await machine.appliance.grubReads('/belay/grub.cfg.before')).toString('utf8')).toBe(debian)
    const [, kernel, subvolume] = /^\s*linux\s+(\S+) .*rootflags=subvol=(\S+)/m.exec(debian) ?? []
    expect(subvolume).toBe('@rootfs')
    expect(sha256(await onPartition(machine, String(kernel)))).toBe(installed[String(kernel).slice(1)])

    await machine.appliance.boot('@rootfs')
    expect(await mountsOf(machine)).toEqual(['/boot ext4 /'])
    const status = await machine.status()
    expect([status.running?.be ?? null, status.next?.be]).toEqual([null, 'be-000001'])
    expect(problemsOf(await machine.doctor())).toEqual([])
    await machine.reboot()
    expect((await machine.status()).running?.be).toBe('be-000001')
  })

  it('is upgraded to a new kernel, taken back and forward again; the partition’s own kernels stay as they are', async () => {
    const before = await machine.facts()
    machine.repository.publish(['1.0.0', '2.0.0'], { kernel: true, grub: true })
    await machine.must('upgrade', '--yes')
    await machine.rebootAndConfirm()
    const upgraded = await machine.facts()
    expect(upgraded.kernel).not.toBe(before.kernel)
    expect((await whatGrubWouldBoot(machine.appliance))?.be).toBe('be-000001')
    expect(Object.keys(await kernelsIn(join(machine.root, 'boot')))).toContain(`vmlinuz-${(await machine.status()).next?.kernel ?? ''}`)
    expect(await kernelsIn(join(machine.root, ASIDE))).toEqual(installed)
    await expectWhole(machine)

    await machine.must('rollback', '--yes')
    await machine.rebootAndConfirm()
    expect(await machine.facts()).toEqual(before)
    expect(await kernelsIn(join(machine.root, 'boot'))).toEqual(installed)
    await expectWhole(machine)

    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    expect(await machine.facts()).toEqual(upgraded)
    await expectWhole(machine)
    expect(await kernelsIn(join(machine.root, ASIDE))).toEqual(installed)
  }, 400_000)

  it('stays with the system of before when that one writes its own menu', async () => {
    await machine.appliance.boot('@rootfs')
    await machine.appliance.run('/usr/sbin/grub-mkconfig', ['-o', '/boot/grub/grub.cfg'])
    await runTool('/usr/sbin/fsfreeze', ['--freeze', join(machine.root, 'boot')])
    await runTool('/usr/sbin/fsfreeze', ['--unfreeze', join(machine.root, 'boot')])
    const menu = await grubCfg(machine)
    expect(menu).toContain('rootflags=subvol=@rootfs')
    expect(menu).not.toContain('belay')
  })
})
