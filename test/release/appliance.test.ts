import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { whatGrubWouldBoot } from '../../demo/appliance/grub-choice.ts'
import { findDebianArchive, releaseSource, securitySource } from '../../demo/debian-archive.ts'
import { runTool } from '../../demo/run-tool.ts'
import { Machine } from '../integration/belay/machine.ts'
import { belongings, expectWhole } from '../integration/belay/whole-appliance.ts'

/** A whole appliance of Debian 12 becomes Debian 13 by `belay upgrade --release`, goes back, and comes again. */
const SOURCES = 'etc/apt/sources.list'
const VENDOR = 'etc/apt/sources.list.d/vendor.list'
const LOGIN_DEFS = 'etc/login.defs'

let machine: Machine
let sources: string

const textOf = (path: string): Promise<string> => readFile(join(machine.root, path), 'utf8')

/** What apt has on disk, its caches of archives left out: names, sizes and times. */
const aptState = async (): Promise<string> => {
  const places = ['etc/apt', 'var/lib/apt', 'var/cache/apt'].map((place) => join(machine.root, place))
  return (await runTool('/usr/bin/find', [...places, '-type', 'f', '-not', '-path', '*/archives/*', '-printf', '%P %s %T@\n'])).stdout
}

/** Version of the kernel that GRUB would start; kernel and initrd are read from the raw image, and are those of the root. */
const kernelThatBoots = async (): Promise<string> => {
  const boots = await whatGrubWouldBoot(machine.appliance)
  const { next } = await machine.status()
  const version = next?.kernel ?? 'none'
  expect(boots?.be).toBe(next?.be)
  for (const [path, file] of [
    [boots?.kernel, `vmlinuz-${version}`],
    [boots?.initrd, `initrd.img-${version}`],
  ]) {
    const read = await machine.appliance.grubReads(`/${String(path)}`)
    expect(read.equals(await readFile(join(machine.root, 'boot', String(file)))), `${String(path)} is ${String(file)}`).toBe(true)
  }
  return version
}

/** The machine runs a release as if it were the only one that it ever had. */
const expectRelease = async (version: 12 | 13): Promise<void> => {
  const codename = version === 12 ? 'bookworm' : 'trixie'
  expect(await textOf('usr/lib/os-release')).toContain(`VERSION_CODENAME=${codename}`)
  expect(await textOf(SOURCES)).toBe(sources.replaceAll('bookworm', codename))
  expect((await runTool('/usr/bin/dpkg', [`--root=${machine.root}`, '--audit'])).stdout).toBe('')
  const kernel = await kernelThatBoots()
  expect(kernel).toMatch(version === 12 ? /^6\.1\./ : /^6\.12\./)
  expect((await stat(join(machine.root, 'usr/lib/modules', kernel, 'kernel'))).isDirectory()).toBe(true)
  // apt has lists of what its sources name, and finds everything in order.
  const { stdout } = await machine.appliance.run('/usr/bin/apt-get', ['--simulate', '--quiet', 'dist-upgrade'])
  expect(stdout).toMatch(/^0 upgraded, 0 newly installed, 0 to remove/m)
  // Debian 13 keeps its record of logins in a directory that Debian 12 does not have; nobody gave it a volume.
  const findings = (await machine.doctor()).findings.map(({ code, text }) => `${code}: ${text}`)
  expect(findings).toEqual(version === 12 ? [] : [expect.stringMatching(/^in-root: \/var\/lib\/(?:wtmpdb|lastlog) /)])
  await expectWhole(machine, { findings: version === 12 ? [] : ['in-root'] })
}

/** Off and on; belay's unit takes note of the boot, and what came up is healthy. */
const restart = async (): Promise<void> => {
  await machine.reboot()
  await machine.must('booted')
  await machine.must('confirm')
}

beforeAll(async () => {
  machine = await Machine.make({ suite: 'bookworm' })
  const archive = await findDebianArchive()
  await copyFile('/etc/resolv.conf', join(machine.root, 'etc/resolv.conf'))
  await writeFile(join(machine.root, VENDOR), await textOf(SOURCES))
  sources = `# as the vendor made it\n${releaseSource(archive, 'bookworm')} # no contrib\n${securitySource(archive, 'bookworm')}\n`
  await writeFile(join(machine.root, SOURCES), sources)
  await machine.must('upgrade', '--yes')
  await restart()
  await writeFile(join(machine.root, LOGIN_DEFS), `${await textOf(LOGIN_DEFS)}# changed here\n`)
}, 1_200_000)

afterAll(async () => {
  await machine.close()
})

describe('an appliance of Debian 12', () => {
  it('is Debian 12, and brought up to date', async () => {
    await expectRelease(12)
  })

  it.each([
    ['forky', 'usage', 2],
    ['bookworm', 'release/same', 10],
    ['bullseye', 'release/older', 10],
  ])('is not upgraded to %s', async (wanted, code, exitCode) => {
    expect(await machine.refusal(['upgrade', '--release', wanted, '--yes'])).toMatchObject({ code, exitCode })
  })

  it('is not upgraded as a whole and in part at once, nor from old lists', async () => {
    expect(await machine.refusal(['upgrade', 'acme-gateway', '--release', 'trixie', '--yes'])).toMatchObject({ code: 'usage' })
    expect(await machine.refusal(['upgrade', '--release', 'trixie', '--no-refresh', '--yes'])).toMatchObject({ code: 'usage' })
  })

  it('is not upgraded while a package is on hold', async () => {
    await machine.appliance.run('/usr/bin/apt-mark', ['hold', 'busybox'])
    const error = await machine.refusal(['upgrade', '--release', 'trixie', '--yes'])
    await machine.appliance.run('/usr/bin/apt-mark', ['unhold', 'busybox'])
    expect(error).toMatchObject({ code: 'packages/held', next: ['apt-mark unhold busybox'] })
  })

  it('is told what would change, and nothing does', async () => {
    const [before, apt] = [await belongings(machine), await aptState()]
    const { plan, executed } = await machine.plan('upgrade', '--release', 'trixie')
    expect(executed).toBe(false)
    expect(plan.summary).toMatch(/^be-\d+ is upgraded to Debian 13 \(trixie\); /)
    expect(plan.notices).toContainEqual(expect.stringMatching(/^\/etc\/apt\/sources\.list:2: bookworm → trixie of http/))
    expect(plan.notices).toContainEqual(expect.stringMatching(/^\/etc\/apt\/sources\.list:3: bookworm-security → trixie-security of http/))
    expect(plan.notices).toContainEqual(expect.stringMatching(/^\/etc\/apt\/sources\.list\.d\/vendor\.list:\d+ stays: \.\/ of http/))
    expect(plan.notices).toContainEqual(expect.stringMatching(/^removed: .*libssl3\b/))
    expect(await aptState()).toBe(apt)
    expect(await belongings(machine)).toEqual(before)
  }, 300_000)

  it('has its sources back when apt fails before dpkg begins', async () => {
    const hook = join(machine.root, 'etc/apt/apt.conf.d/99refuse')
    await writeFile(hook, 'DPkg::Pre-Invoke { "exit 1"; };\n')
    const standby = await machine.grubBoots()
    const error = await machine.refusal(['upgrade', '--release', 'trixie', '--yes'])
    await rm(hook)
    expect(error.data).toMatchObject({ dpkgBegan: false })
    expect(await machine.grubBoots()).toBe(standby)
    await expectRelease(12)
  }, 1_200_000)

  it('becomes Debian 13 behind a restore point', async () => {
    const was = await machine.grubBoots()
    const report = await machine.operation('upgrade', '--release', 'trixie', '--yes')
    expect(report).toMatchObject({ executed: true, rebootRequired: true, next: was })
    expect(report.decisions).toContainEqual(expect.objectContaining({ subject: `/${LOGIN_DEFS}`, answer: 'keep' }))
    expect((await readdir(join(machine.root, 'var/lib/apt'))).filter((name) => name.startsWith('belay'))).toEqual([])
    await restart()
    await expectRelease(13)
    expect(await textOf(LOGIN_DEFS)).toContain('# changed here')
    expect((await machine.list()).generations.map(({ text }) => text)).toContain('before upgrade to Debian 13 (trixie)')
  }, 2_400_000)

  it('goes back to Debian 12 by rollback, and forward to 13 again', async () => {
    await machine.must('rollback', '--yes')
    await restart()
    await expectRelease(12)
    await machine.must('forward', '--yes')
    await restart()
    await expectRelease(13)
  }, 600_000)
})
