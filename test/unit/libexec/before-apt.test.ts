import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROGRAM = join(import.meta.dirname, '../../../libexec/before-apt')
const HOOK_INPUT = 'VERSION 3\nCommandLine::AsString=apt-get%20install%20gateway\n\ngateway 1 amd64 none < 2 amd64 none /gateway.deb\n'
/** What of the machine the program looks at. */
const PLACES = ['/usr/bin/belay', '/usr/bin/ischroot', '/var/lib/belay', '/run/belay/upgrade', '/etc/belay', '/boot/grub/belay/env']

let machine: string
const put = (path: string, text: string, mode = 0o644): void => {
  mkdirSync(join(machine, path, '..'), { recursive: true })
  writeFileSync(join(machine, path), text, { mode })
}
const remove = (path: string): void => {
  rmSync(join(machine, path), { force: true })
}
/** A belay that notes that it was called. */
const belayEnds = (status: number): void => {
  put('/usr/bin/belay', `#!/bin/sh\ntouch ${machine}/called\nexit ${String(status)}\n`, 0o755)
}
const isChroot = (status: number): void => {
  put('/usr/bin/ischroot', `#!/bin/sh\nexit ${String(status)}\n`, 0o755)
}

const run = (variables: Readonly<Record<string, string>> = {}) => {
  const { status, stderr } = spawnSync('/bin/sh', [join(machine, 'before-apt')], {
    env: { PATH: '/usr/bin:/bin', ...variables },
    input: HOOK_INPUT,
    encoding: 'utf8',
  })
  const log = join(machine, 'var/lib/belay/audit.jsonl')
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []
  return {
    status,
    stderr,
    called: existsSync(join(machine, 'called')),
    recorded: lines.flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { error: string }).error])),
  }
}

beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'belay-before-apt-'))
  let text = readFileSync(PROGRAM, 'utf8')
  for (const place of PLACES) text = text.replaceAll(place, `${machine}${place}`)
  // apt gives it a descriptor of its own.
  put('before-apt', text.replace('\nset -eu\n', '\nset -eu\nexec 3<&0\n'))
  put('/boot/grub/belay/env', '# GRUB Environment Block\n')
  put('/var/lib/belay/index.json', '{}\n')
  put('/var/lib/belay/audit.jsonl', '')
  put('/etc/belay/config.yaml', 'format: 1\n')
  belayEnds(0)
  isChroot(1)
})

afterEach(() => {
  rmSync(machine, { recursive: true })
})

describe('what belay says', () => {
  it('is a restore point, or that policy stops apt', () => {
    expect(run()).toMatchObject({ status: 0, stderr: '', recorded: [] })
    belayEnds(30)
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('BELAY_APT=off') as unknown, recorded: [] })
  })

  it.each([1, 2, 10, 11, 12, 13, 14, 20, 21, 29])('is no word of policy when it ends with %i', (code) => {
    belayEnds(code)
    expect(run()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(`(status ${String(code)}); apt goes on`) as unknown,
      recorded: [`belay before-apt ended with status ${String(code)}`],
    })
    put('/etc/belay/config.yaml', 'format: 1\napt:\n  onFailure: block\n')
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('as policy says') as unknown })
  })

  it('is no word of policy without a policy', () => {
    remove('/etc/belay/config.yaml')
    belayEnds(13)
    expect(run()).toMatchObject({ status: 0, stderr: expect.stringContaining('apt goes on') as unknown })
  })
})

describe('a machine', () => {
  it('that is not belay’s is left alone', () => {
    remove('/boot/grub/belay/env')
    remove('/var/lib/belay/index.json')
    belayEnds(1)
    expect(run()).toEqual({ status: 0, stderr: '', called: false, recorded: [] })
  })

  it.each([
    ['missing', '/boot/grub/belay/env', null],
    ['missing', '/var/lib/belay/index.json', null],
    ['empty', '/boot/grub/belay/env', ''],
    ['empty', '/var/lib/belay/index.json', ''],
  ])('where something is %s (%s, as where a mount failed) asks belay', (_word, path, text) => {
    if (text === null) remove(path)
    else put(path, text)
    expect(run()).toMatchObject({ status: 0, stderr: '', called: true })
    belayEnds(10)
    expect(run()).toMatchObject({ status: 0, stderr: expect.stringContaining('no restore point could be taken') as unknown })
  })
})

describe('in a chroot', () => {
  it('apt goes on without a restore point, which is told and noted down', () => {
    isChroot(0)
    const why = 'it runs in a chroot, where nothing would close it'
    expect(run()).toEqual({ status: 0, stderr: `belay: this run of apt has no restore point (${why})\n`, called: false, recorded: [why] })
  })

  it('belay is asked with BELAY_APT=on, and where it cannot be told or is none', () => {
    isChroot(0)
    expect(run({ BELAY_APT: 'on' }).called).toBe(true)
    for (const status of [1, 2]) {
      remove('called')
      isChroot(status)
      expect(run().called).toBe(true)
    }
  })
})
