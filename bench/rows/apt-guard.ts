import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { chrootCommand } from '../../demo/appliance/chroot.ts'
import { runTool } from '../../demo/run-tool.ts'
import { libexec } from '../../src/program-directory.ts'
import { takeTurns } from '../lab/samples.ts'
import { parseTimed, TIMER } from '../lab/timed-command.ts'
import { atMostMore, type Comparison } from '../report/comparison.ts'

const [GUARD, CLOCK, SESSION] = ['/root/before-apt', '/root/time-command', '/root/in-session'] as const

/** The shell notes itself as the program that runs apt, as belay does with a session's first run; its start time is field 22 of its stat (proc_pid_stat(5)). */
const IN_SESSION = `#!/bin/sh
set -eu
mkdir -p /run/belay
read -r stat </proc/$$/stat
command=$*
set -- \${stat##*) }
echo "$$ \${20} process" >/run/belay/upgrade
${CLOCK} /bin/sh -c "$command" 3</dev/null
rm /run/belay/upgrade
`

/** What each further dpkg call of a session costs whose restore point is taken, beside a hook that does nothing. */
export const compareAptGuard = async ({ root }: Appliance, rounds: number): Promise<Comparison[]> => {
  await copyFile(libexec('before-apt'), join(root, GUARD))
  await copyFile(TIMER, join(root, CLOCK))
  await writeFile(join(root, SESSION), IN_SESSION, { mode: 0o755 })
  const time = async (hook: string): Promise<number> => {
    const [program, ...args] = chrootCommand(root, SESSION, [hook])
    return parseTimed((await runTool(program, args)).stdout, [hook])
  }
  const { guard, nothing } = await takeTurns(
    {
      guard: { name: 'before-apt', measure: () => time(`belay=${GUARD} && { [ ! -x $belay ] || $belay; }`) },
      nothing: { name: 'a hook that does nothing', measure: () => time(':') },
    },
    { rounds, warmUp: true },
  )
  return [{ what: 'each further dpkg call of a run of apt', belay: guard, other: nothing, target: atMostMore(10) }]
}
