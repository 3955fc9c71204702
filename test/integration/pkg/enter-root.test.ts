import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, lstat, mkdir, readFile, readdir, readlink, rm, symlink, writeFile, chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { libexec } from '../../../src/program-directory.ts'
import { type DebianRoot, openDebianRoot } from './debian-root.ts'

const ENTER_ROOT = libexec('enter-root')
const POLICY = 'usr/sbin/policy-rc.d'

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

describe('enter-root', () => {
  let debian: DebianRoot
  let root: string
  let release: () => Promise<void>

  const inside = async (script: string, options: { readonly input?: string; readonly expect?: readonly number[] } = {}) =>
    runTool(ENTER_ROOT, [root, '/bin/sh', '-c', script], options)

  /** Starts a script inside, and waits until it says `ready`. */
  const started = async (script: string) => {
    const child = spawn(ENTER_ROOT, [root, '/bin/sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const ended = once(child, 'close').then(([status]: (number | string | null)[]) => ({ status, output }))
    while (!output.includes('ready')) await once(child.stdout, 'data')
    return { child, ended }
  }

  beforeAll(async () => {
    debian = await openDebianRoot('trixie')
  })
  beforeEach(async () => {
    const overlay = await debian.overlay()
    root = overlay.directory
    release = overlay.release
  })
  afterEach(() => release())
  afterAll(() => debian.release())

  it('gives a command the root, its own processes, its input and the exit status', async () => {
    const { stdout, status } = await inside('readlink /proc/self/root; ls -d /proc/[0-9]* | wc -l; cat; exit 42', { input: 'from outside\n', expect: [42] })
    const [rootLink, processes, input] = stdout.split('\n')
    expect(rootLink).toBe('/')
    expect(Number(processes)).toBeLessThan(6)
    expect(input).toBe('from outside')
    expect(status).toBe(42)
  })

  it('passes file descriptor 3 on', async () => {
    const child = spawn(ENTER_ROOT, [root, '/bin/sh', '-c', 'echo pmstatus >&3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    const ended = once(child, 'exit')
    const [text] = (await once(child.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer]
    expect(text.toString()).toBe('pmstatus\n')
    await ended
  })

  it('lets nothing be written to /sys, and keeps what is mounted below the root', async () => {
    await runTool('/usr/bin/mount', ['-t', 'tmpfs', 'tmpfs', join(root, 'srv')])
    await writeFile(join(root, 'srv/customer'), 'data\n')
    const { stdout } = await inside(
      'cat /srv/customer; grep " /sys " /proc/mounts | cut -d" " -f4 | cut -d, -f1; ls /dev/pts >/dev/null && echo pts; touch /run/here',
    )
    expect(stdout).toBe('data\nro\npts\n')
    expect(await readdir(join(root, 'run'))).not.toContain('here')
  })

  it('forbids the start of services, without a trace in the root', async () => {
    const before = await readdir(join(root, 'usr/sbin'))
    await mkdir(join(root, 'etc/init.d'), { recursive: true })
    await writeFile(join(root, 'etc/init.d/acme'), '#!/bin/sh\necho started\n')
    await chmod(join(root, 'etc/init.d/acme'), 0o755)
    const { stdout, stderr } = await inside('invoke-rc.d acme start')
    expect(stdout + stderr).toContain('policy-rc.d denied execution of start')
    expect(await readdir(join(root, 'usr/sbin'))).toEqual(before)
  })

  it('covers a policy of the root for the time being', async () => {
    await writeFile(join(root, POLICY), '#!/bin/sh\nexit 0\n')
    await chmod(join(root, POLICY), 0o755)
    await inside('/usr/sbin/policy-rc.d', { expect: [101] })
    expect(await readFile(join(root, POLICY), 'utf8')).toBe('#!/bin/sh\nexit 0\n')
  })

  it('also when a command fails', async () => {
    await inside('exit 1', { expect: [1] })
    await runTool(ENTER_ROOT, [root, '/bin/nowhere'], { expect: [127] })
    expect(await exists(join(root, POLICY))).toBe(false)
  })

  it('ends with everything that the command started', async () => {
    await inside('nohup sleep 4711 >/dev/null 2>&1 & echo left')
    const { stdout } = await runTool('/usr/bin/ps', ['-eo', 'args'])
    expect(stdout).not.toContain('sleep 4711')
  })

  it('passes an interrupt to the command and not to what it started', async () => {
    const { child, ended } = await started(`trap 'echo told' INT; (trap 'echo wrong' INT; sleep 1; echo finished) & echo ready; wait; wait; exit 7`)
    child.kill('SIGINT')
    const { status, output } = await ended
    expect(output).toContain('told')
    expect(output).toContain('finished')
    expect(output).not.toContain('wrong')
    expect(status).toBe(7)
  })

  it('leaves at most an inert link when it is killed, and the next one takes it away', async () => {
    const { child, ended } = await started('echo ready; sleep 60')
    const [namespaces = ''] = (await readFile(`/proc/${String(child.pid)}/task/${String(child.pid)}/children`, 'utf8')).split(' ')
    process.kill(Number(namespaces), 'SIGKILL')
    expect((await ended).status).toBe(137)
    expect(await readlink(join(root, POLICY))).toBe('/run/belay/policy-rc.d')
    await expect(access(join(root, 'run/belay/policy-rc.d'))).rejects.toThrow()
    await inside('true')
    expect(await exists(join(root, POLICY))).toBe(false)
  })

  it('keeps services forbidden while another one still works in the same root', async () => {
    const { child, ended } = await started(`trap '/usr/sbin/policy-rc.d; exit $?' INT; echo ready; while :; do sleep 0.1; done`)
    await inside('true')
    child.kill('SIGINT')
    expect((await ended).status).toBe(101)
    expect(await exists(join(root, POLICY))).toBe(false)
  })

  it('refuses the running system, a link in place of /proc, and what is no root', async () => {
    const refused = async (directory: string) => (await runTool(ENTER_ROOT, [directory, '/bin/true'], { expect: [125] })).stderr
    expect(await refused('/')).toContain('absolute path of a directory other than /')
    expect(await refused('relative')).toContain('absolute path')
    expect(await refused(join(root, 'etc'))).toContain('is not a directory')
    await rm(join(root, 'proc'), { recursive: true })
    await symlink('/proc', join(root, 'proc'))
    expect(await refused(root)).toContain('proc is not a directory')
  })
})
