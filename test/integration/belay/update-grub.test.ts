import { copyFile, cp, mkdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { libexec } from '../../../src/program-directory.ts'
import { codesOf } from './whole-appliance.ts'
import { Machine } from './machine.ts'

const UPDATE_GRUB = '/usr/sbin/update-grub'
const MKCONFIG = '/usr/sbin/grub-mkconfig'
const LIBEXEC = '/usr/lib/belay/libexec'
const SHIMS = '/usr/local/lib/shims'
const SAYS = "Debian's menu is in /boot/grub/belay/debian.cfg"
/** Whatever runs it dies with its whole process group. */
const KILL = '#!/bin/sh\nkill -s KILL 0\n'

let machine: Machine
const inRoot = (path: string): string => join(machine.root, path)
const onGrub = (path: string): string => inRoot(join('boot/grub', path))
/** As GRUB reads it now, without the journal. */
const grubReads = async (path: string): Promise<string> => (await machine.appliance.grubReads(`/${path}`)).toString('utf8')
const run = async (program: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = await machine.appliance.run(program, args, { expect: [0, 1, 137], env })
  return { status, output: `${stdout}${stderr}` }
}

/** What the package does: Debian's program is diverted and belay's stands in its place. */
const installWrapper = async (): Promise<void> => {
  await cp(libexec(''), inRoot(LIBEXEC), { recursive: true })
  await machine.appliance.run('/usr/bin/dpkg-divert', ['--local', '--rename', '--divert', `${MKCONFIG}.distrib`, '--add', MKCONFIG])
  await copyFile(libexec('grub-mkconfig'), inRoot(MKCONFIG))
}

beforeAll(async () => {
  machine = await Machine.make({ plain: true })
  await installWrapper()
})
afterAll(() => machine.close())

describe('grub-mkconfig on a machine that belay has not adopted', () => {
  it('is Debian’s', async () => {
    await writeFile(onGrub('grub.cfg'), '')
    const { status, output } = await run(UPDATE_GRUB)
    expect({ status, output }).toMatchObject({ status: 0 })
    expect(output).not.toContain('belay')
    expect(await readFile(onGrub('grub.cfg'), 'utf8')).toContain("menuentry 'Debian GNU/Linux'")
    expect((await run(MKCONFIG, ['--restore'])).status).toBe(0)
  })
})

describe('grub-mkconfig on an adopted machine', () => {
  let ours: string
  let boots: string | null

  beforeAll(async () => {
    await machine.must('init', '--config', '/etc/acme', '--yes')
    await machine.reboot()
    await installWrapper().catch(() => undefined)
    ours = await readFile(onGrub(LAYOUT.grubCfg), 'utf8')
    boots = await machine.grubBoots()
  })
  beforeEach(async () => {
    await rm(onGrub(LAYOUT.debianMenu), { force: true })
    await rm(inRoot('etc/grub.d/99_test'), { force: true })
    await rm(inRoot(SHIMS), { recursive: true, force: true })
    for (const name of [LAYOUT.grubCfg, LAYOUT.grubCfgCopy]) await writeFile(onGrub(name), ours)
    await runTool(libexec('freeze-thaw'), [onGrub('')])
  })

  const expectUntouched = async (): Promise<void> => {
    expect(await readFile(onGrub(LAYOUT.grubCfg), 'utf8')).toBe(ours)
    expect(await machine.grubBoots()).toBe(boots)
  }
  const script = (text: string, name = 'etc/grub.d/99_test') => writeFile(inRoot(name), text, { mode: 0o755 })

  it('puts Debian’s menu beside belay’s, where GRUB sees it at once, and says where', async () => {
    const { status, output } = await run(UPDATE_GRUB)
    expect({ status, output }).toMatchObject({ status: 0 })
    expect(output.split('\n').filter((line) => line.startsWith('belay: '))).toEqual([expect.stringContaining(SAYS)])
    expect(await grubReads(LAYOUT.debianMenu)).toContain("menuentry 'Debian GNU/Linux'")
    await expectUntouched()
    expect(codesOf((await machine.json(['doctor'])).output)).toEqual([])
  })

  it.each([
    ['-o /boot/grub/grub.cfg'],
    ['--output=/boot/../boot//grub/grub.cfg'],
    ['--output grub.cfg'],
    ['-o ./grub.cfg'],
    ['-o /elsewhere -o /tmp/link'],
    ['ignored -o /boot/grub/grub.cfg ignored'],
  ])('knows grub.cfg by any name: %s', async (args) => {
    await symlink('/boot/grub/grub.cfg', inRoot('tmp/link'))
    const { status, output } = await run('/bin/sh', ['-c', `cd /boot/grub && exec ${MKCONFIG} ${args}`])
    await unlink(inRoot('tmp/link'))
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining(SAYS) as string })
    await expectUntouched()
  })

  it('knows grub.cfg when it is lost, and then belay’s copy takes its place', async () => {
    await rm(onGrub(LAYOUT.grubCfg))
    expect((await run(UPDATE_GRUB)).output).toContain('was damaged')
    expect(await grubReads(LAYOUT.grubCfg)).toBe(ours)
  })

  it.each([
    ['emptied', () => ''],
    ['cut', () => ours.slice(0, 3000)],
    ['overwritten with zeros', () => Buffer.alloc(5000)],
  ])('mends a grub.cfg that was %s', async (_, damaged) => {
    await writeFile(onGrub(LAYOUT.grubCfg), damaged())
    expect(await run(UPDATE_GRUB)).toMatchObject({ status: 0 })
    expect(await grubReads(LAYOUT.grubCfg)).toBe(ours)
    await expectUntouched()
  })

  it('leaves a grub.cfg that somebody wrote to belay doctor', async () => {
    await writeFile(onGrub(LAYOUT.grubCfg), 'menuentry mine {\n}\n')
    const { status, output } = await run(UPDATE_GRUB)
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining('belay doctor') as string })
    expect(await readFile(onGrub(LAYOUT.grubCfg), 'utf8')).toContain('menuentry mine')
  })

  it('writes Debian’s menu where it starts the machine: an init that was cut has made an env block, and no grub.cfg', async () => {
    await rm(onGrub(LAYOUT.grubCfgCopy))
    await writeFile(onGrub(LAYOUT.grubCfg), 'menuentry mine {\n}\n')
    expect(await run(UPDATE_GRUB)).toMatchObject({ status: 0 })
    expect(await readFile(onGrub(LAYOUT.grubCfg), 'utf8')).toContain("menuentry 'Debian GNU/Linux'")
  })

  it('passes every other call on', async () => {
    expect((await run(MKCONFIG, ['--version'])).output).toMatch(/^grub-mkconfig\S* \(GRUB\) 2\./)
    expect(await run(MKCONFIG, ['-o', '/boot/grub/grub.cfg', '--nonsense'])).toMatchObject({ status: 1 })
    expect((await run(MKCONFIG)).output).toContain("menuentry 'Debian GNU/Linux'")
    await run(MKCONFIG, ['-o', '/tmp/other.cfg'])
    expect(await readFile(inRoot('tmp/other.cfg'), 'utf8')).toContain("menuentry 'Debian GNU/Linux'")
    await expect(readFile(onGrub(LAYOUT.debianMenu))).rejects.toThrow()
    await expectUntouched()
  })

  it.each([
    ['fails', '#!/bin/sh\nexit 3\n'],
    ['writes nonsense', "#!/bin/sh\necho 'menuentry {{{ if'\n"],
  ])('keeps the last menu, warns and does not fail when a script in /etc/grub.d %s', async (_, text) => {
    await writeFile(onGrub(LAYOUT.debianMenu), 'the last menu')
    await script(text)
    const { status, output } = await run(UPDATE_GRUB)
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining('could not be made') as string })
    expect(await readFile(onGrub(LAYOUT.debianMenu), 'utf8')).toBe('the last menu')
    await expectUntouched()
  })

  it('works inside beside-grub-cfg as well, where grub.cfg leads to Debian’s menu', async () => {
    expect((await run(`${LIBEXEC}/beside-grub-cfg`, [UPDATE_GRUB])).status).toBe(0)
    expect(await grubReads(LAYOUT.debianMenu)).toContain("menuentry 'Debian GNU/Linux'")
    await expectUntouched()
  })

  describe('killed with its whole process group', () => {
    const killed = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
      const before = await readFile(onGrub(LAYOUT.debianMenu), 'utf8').catch(() => null)
      await run('/bin/sh', ['-c', `setsid ${UPDATE_GRUB}; [ $? -eq 137 ]`], env).then(({ status }) => {
        expect(status).toBe(0)
      })
      expect(await grubReads(LAYOUT.grubCfg)).toBe(ours)
      await expectUntouched()
      // The menu is the old one, or the new one from its first line to its last.
      const menu = await readFile(onGrub(LAYOUT.debianMenu), 'utf8').catch(() => null)
      if (menu !== before) expect(menu).toMatch(/^#\n# DO NOT EDIT[^]*### END [^\n]*\n$/)
      // And the next run does its work.
      await rm(inRoot('etc/grub.d/99_test'), { force: true })
      expect((await run(UPDATE_GRUB)).output).toContain(SAYS)
    }

    it('while Debian’s program writes', async () => {
      await script(KILL)
      await killed()
    })

    it.each([['grub-script-check'], ['sync'], ['mv']])('when it comes to %s', async (tool) => {
      await mkdir(inRoot(SHIMS), { recursive: true })
      await script(KILL, join(SHIMS, tool))
      await killed({ PATH: `${SHIMS}:/usr/sbin:/usr/bin` })
    })

    it('between the rename and the freeze', async () => {
      await mkdir(inRoot(SHIMS), { recursive: true })
      await script('#!/bin/sh\n/usr/bin/mv "$@"\nkill -s KILL 0\n', join(SHIMS, 'mv'))
      await killed({ PATH: `${SHIMS}:/usr/sbin:/usr/bin` })
    })
  })

  it('tells GRUB’s stub where the GRUB partition is', async () => {
    await run(`${LIBEXEC}/make-stub`, ['/tmp', '/boot/grub/grub.cfg'])
    const stub = await readFile(inRoot('tmp/grub.cfg'), 'utf8')
    expect(stub.split('\n').slice(0, 2)).toEqual([`set belay_uuid='${machine.appliance.grubUuid}'`, "set belay_path=''"])
    expect(await run('/usr/bin/grub-script-check', ['/tmp/grub.cfg'])).toMatchObject({ status: 0 })
    expect(await run(`${LIBEXEC}/make-core-image`, ['/tmp/core.img', '/boot/grub/grub.cfg'])).toMatchObject({ status: 0 })
  })

  it('--restore leaves belay’s grub.cfg when Debian’s menu cannot be made', async () => {
    await script('#!/bin/sh\nexit 3\n')
    const { status, output } = await run(MKCONFIG, ['--restore'])
    expect({ status, output }).toMatchObject({ status: 1, output: expect.stringContaining('could not be made') as string })
    await expectUntouched()
  })

  it('--restore makes Debian’s menu grub.cfg again, and belay doctor --fix takes it back', async () => {
    expect(await run(MKCONFIG, ['--restore'])).toMatchObject({ status: 0 })
    expect(await grubReads(LAYOUT.grubCfg)).toContain("menuentry 'Debian GNU/Linux'")
    expect(await grubReads(LAYOUT.released)).toBe('')
    await machine.must('doctor', '--fix')
    expect(await grubReads(LAYOUT.grubCfg)).toBe(ours)
    await expect(machine.appliance.grubReads(`/${LAYOUT.released}`)).rejects.toThrow()
    await expectUntouched()
  })
})
