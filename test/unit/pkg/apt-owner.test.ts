import { describe, expect, it } from 'vitest'
import { createAptRuns } from '../../../src/pkg/apt/apt-runs.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'

/** A process: its id, its parent's, its name, its arguments. */
type Process = readonly [pid: number, parent: number, name: string, command: string]

// As /proc/PID/stat of Linux 6.12 has it; recorded below apt-get 3.0.3.
const statOf = ([pid, parent, name]: Process): string =>
  `${String(pid)} (${name}) S ${String(parent)} 0 0 0 -1 4194560 6603 1394 10 3 2 1 0 1 20 0 1 0 ${String(pid * 100)} 53837824 3159 18446744073709551615\n`

const ownerOf = async (processes: readonly Process[]) => {
  const files = new MemoryFiles()
  for (const process of processes) {
    const directory = `/proc/${String(process[0])}`
    await files.makeDirectory(directory)
    await files.writeAtomic(`${directory}/stat`, statOf(process))
    await files.writeAtomic(`${directory}/cmdline`, `${process[3].replaceAll(' ', '\0')}\0`)
  }
  const pid = processes[0]?.[0] ?? 0
  return createAptRuns({ files, log: new RecordingLog(), root: '/', pid, runDirectory: '/run', units: null }).owner()
}

const HOOK: readonly Process[] = [
  [90, 89, 'node', '/usr/lib/belay/runtime/node /usr/lib/belay/bin/belay.js before-apt'],
  [89, 88, 'timeout', '/usr/bin/timeout 60 /usr/bin/belay before-apt'],
  [88, 87, 'before-apt', '/bin/sh /usr/lib/belay/libexec/before-apt'],
  [87, 86, 'sh', 'sh -c belay=…'],
]

describe('the program that runs apt', () => {
  it.each<[string, readonly Process[], object | null]>([
    [
      'apt-get in a shell',
      [
        [86, 50, 'apt-get', 'apt-get install hello'],
        [50, 1, 'bash', '-bash'],
        [1, 0, 'systemd', '/sbin/init'],
      ],
      { pid: 86, startTime: '8600', until: 'process' },
    ],
    [
      'unattended-upgrade, and not its copy for one dpkg run',
      [
        [86, 85, 'unattended-upgr', '/usr/bin/python3 /usr/bin/unattended-upgrade'],
        [85, 70, 'unattended-upgr', '/usr/bin/python3 /usr/bin/unattended-upgrade'],
        [70, 1, 'apt.systemd.dai', '/bin/sh /usr/lib/apt/apt.systemd.daily install'],
      ],
      { pid: 85, startTime: '8500', until: 'process' },
    ],
    ['a script by its interpreter', [[86, 1, 'python3', 'python3 -u /usr/bin/unattended-upgrade']], { pid: 86, until: 'process' }],
    [
      'packagekitd, which stays',
      [
        [86, 85, 'packagekitd', '/usr/libexec/packagekitd'],
        [85, 1, 'packagekitd', '/usr/libexec/packagekitd'],
      ],
      { pid: 85, until: 'lock' },
    ],
    [
      'the nearest of two',
      [
        [86, 85, 'apt-get', 'apt-get install x'],
        [85, 1, 'aptitude', 'aptitude'],
      ],
      { pid: 86 },
    ],
    [
      'a name with parentheses above it',
      [
        [86, 85, 'apt', 'apt upgrade'],
        [85, 1, 'a) S 1 (b', 'x'],
      ],
      { pid: 86 },
    ],
    ['nobody', [[86, 1, 'cron', '/usr/sbin/cron']], null],
  ])('is %s', async (_name, processes, expected) => {
    const owner = await ownerOf([...HOOK, ...processes])
    if (expected === null) expect(owner).toBeNull()
    else expect(owner).toMatchObject(expected)
  })
})
