import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const LIBEXEC = join(import.meta.dirname, '../../../libexec')
const NOTE = '/run/belay/upgrade'
const PLACES = ['/usr/bin/belay', '/usr/lib/belay/libexec', '/run/belay-trial-failed', NOTE]

let machine: string
const put = (path: string, text: string): string => {
  const at = join(machine, path)
  mkdirSync(dirname(at), { recursive: true })
  writeFileSync(at, text)
  chmodSync(at, 0o755)
  return at
}
/** A program of belay's that finds the machine in a directory. */
const install = (name: string): string => {
  let text = readFileSync(join(LIBEXEC, name), 'utf8')
  for (const place of PLACES) text = text.replaceAll(place, `${machine}${place}`)
  return put(`/usr/lib/belay/libexec/${name}`, text)
}
const notes = (name: string, ends = ''): void => {
  put(name, `#!/bin/sh\necho "\${0##*/} $*" >>${machine}/calls\n${ends}\n`)
}
const calls = (): string[] => (existsSync(join(machine, 'calls')) ? readFileSync(join(machine, 'calls'), 'utf8').trim().split('\n') : [])
const startTimeOf = (pid: number): string =>
  readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')[19] ?? ''

beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'belay-at-shutdown-'))
  notes('/usr/bin/belay', `[ "$1" != close-upgrade ] || rm -f ${machine}${NOTE}`)
})

afterEach(() => {
  rmSync(machine, { recursive: true })
})

describe('as the machine goes down', () => {
  const run = (state: string): string[] => {
    put('/path/systemctl', `#!/bin/sh\necho ${state}\n[ ${state} = running ]\n`)
    put('/usr/lib/belay/libexec/on-trial', '#!/bin/sh\n')
    install('wait-for-upgrade')
    install('orderly-end')
    const { status, stderr } = spawnSync(install('at-shutdown'), { env: { PATH: `${machine}/path:/usr/bin:/bin` }, encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    return calls()
  }

  it('a run of apt is closed first, and then a trial has its attempt again', () => {
    put(NOTE, '1 1 lock\n')
    expect(run('stopping')).toEqual(['belay close-upgrade', 'belay health --ending'])
  })

  it('nothing is closed where nothing is noted', () => {
    expect(run('stopping')).toEqual(['belay health --ending'])
  })

  it.each(['running', 'degraded', 'offline'])('and at no other time: %s', (state) => {
    put(NOTE, '1 1 lock\n')
    expect(run(state)).toEqual([])
  })
})

describe('the end of apt', () => {
  /** A child that ends at once, of a process that never asks for it, while that lives. */
  const startZombie = async () => {
    const parent = spawn('/bin/sh', ['-c', '/usr/bin/sleep 0.2 & echo $!; exec /usr/bin/sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    return { parent, pid: Number(line.toString()) }
  }

  it('is seen although nobody asks for its exit status', async () => {
    const { parent, pid } = await startZombie()
    try {
      put(NOTE, `${String(pid)} ${startTimeOf(pid)} process\n`)
      const { status } = spawnSync(install('wait-for-upgrade'), { timeout: 15_000 })
      expect([status, calls()]).toEqual([0, ['belay close-upgrade']])
      expect(readFileSync(`/proc/${String(pid)}/stat`, 'utf8')).toContain(') Z ')
    } finally {
      parent.kill()
    }
  }, 30_000)

  it('is waited for', async () => {
    const apt = spawn('/usr/bin/sleep', ['1'], { stdio: 'ignore' })
    const pid = apt.pid ?? 0
    put(NOTE, `${String(pid)} ${startTimeOf(pid)} process\n`)
    notes('/usr/bin/belay', `[ ! -e /proc/${String(pid)} ] || echo too early >>${machine}/calls; rm -f ${machine}${NOTE}`)
    const waiting = spawn(install('wait-for-upgrade'), { stdio: 'ignore' })
    expect(await once(waiting, 'exit')).toEqual([0, null])
    expect(calls()).toEqual(['belay close-upgrade'])
  }, 30_000)
})
