import type { Appliance } from '../../demo/appliance/appliance.ts'
import { chrootCommand } from '../../demo/appliance/chroot.ts'
import { buildVendorRepository } from '../../demo/vendor/repository.ts'
import { runTool } from '../../demo/run-tool.ts'
import { FailedError } from '../../src/errors.ts'
import type { Lab } from '../lab/lab.ts'
import { takeTurns } from '../lab/samples.ts'
import { settle } from '../lab/settle.ts'
import { timeCommand } from '../lab/timed-command.ts'
import type { Comparison } from '../report/comparison.ts'

const KEEP_CONFFILES = ['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold']
const FACTOR = 1.03
const SECONDS = 3

/** apt-get by itself: the lists, then everything that can be upgraded. */
const upgradePlainly = async ({ root }: Appliance): Promise<number> => {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const aptGet = (...args: string[]): Promise<number> => timeCommand(chrootCommand(root, '/usr/bin/apt-get', ['--quiet', ...args]), env)
  return (await aptGet('update')) + (await aptGet('--yes', ...KEEP_CONFFILES, 'dist-upgrade'))
}

const installedIn = async ({ root }: Appliance): Promise<string> => {
  const { stdout } = await runTool('/usr/bin/dpkg-query', [
    `--admindir=${root}/var/lib/dpkg`,
    '--show',
    '--showformat=${Package} ${Version} ${db:Status-Status}\n',
  ])
  return stdout
}

/** Kernel, boot loader and application at once, on a fresh copy of the appliance each time, from an archive on this machine. */
export const compareUpgrade = async (lab: Lab, rounds: number): Promise<Comparison[]> => {
  const repository = await buildVendorRepository()
  repository.publish(['1.0.0', '2.0.0'])
  const server = await repository.serve()
  const results = new Set<string>()
  const on = async (make: () => Promise<Appliance>, upgrade: (appliance: Appliance) => Promise<number>): Promise<number> => {
    const appliance = await make()
    await appliance.useRepository(server.url)
    await settle(appliance)
    const milliseconds = await upgrade(appliance)
    results.add(await installedIn(appliance))
    await lab.discard(appliance)
    return milliseconds
  }
  try {
    const { belay, plain } = await takeTurns(
      {
        plain: { name: 'apt-get dist-upgrade', measure: () => on(() => lab.plainAppliance(), upgradePlainly) },
        belay: {
          name: 'belay upgrade',
          measure: () =>
            on(
              () => lab.adoptedAppliance(),
              (appliance) => lab.run(appliance, 'upgrade', '--yes'),
            ),
        },
      },
      { rounds, warmUp: false },
    )
    if (results.size !== 1) throw new FailedError('other-packages', 'the two upgrades ended with different packages', { rebootRequired: false })
    const target = {
      text: `≤ ${String(FACTOR)} × + ${String(SECONDS)} s`,
      isReached: (ours: number, theirs: number) => ours <= theirs * FACTOR + SECONDS * 1000,
    }
    return [{ what: 'upgrade of kernel, boot loader and application', belay, other: plain, target }]
  } finally {
    await server.close()
  }
}
