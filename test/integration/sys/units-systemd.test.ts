import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { createSystemdUnits } from '../../../src/sys/units-systemd.ts'
import { SCENE, describeUnitsContract } from '../../contract/units-contract.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { until } from '../belay/processes.ts'
import { type SystemdInNamespaces, startSystemd } from './systemd-in-namespaces.ts'

const SLEEPS = ['[Service]', 'ExecStart=/usr/bin/sleep infinity']

const UNITS = {
  [SCENE.gateway]: SLEEPS,
  [SCENE.ui]: [`Requires=${SCENE.gateway}`, `After=${SCENE.gateway}`, ...SLEEPS],
  [SCENE.idle]: SLEEPS,
  [SCENE.broken]: ['[Service]', 'Type=oneshot', 'ExecStart=/usr/bin/false'],
  // Started for each test: more than five starts within ten seconds are refused by default.
  [SCENE.stubborn]: [
    'StartLimitIntervalSec=0',
    '[Service]',
    'ExecStart=/bin/sh -c "trap \'\' TERM; echo ready; while :; do sleep 1; done"',
    'TimeoutStopSec=infinity',
  ],
  'acme-triggered.service': SLEEPS,
  'acme-waits.service': ['[Service]', 'ExecStart=/usr/bin/false', 'Restart=always', 'RestartSec=1h'],
  'acme-again.service': ['StartLimitIntervalSec=0', '[Service]', 'ExecStart=/usr/bin/false', 'Restart=always', 'RestartSec=300ms'],
  'acme-triggered.path': ['[Path]', 'PathExists=/proc', 'Unit=acme-triggered.service'],
}

let systemd: SystemdInNamespaces

beforeAll(async () => {
  systemd = await startSystemd(UNITS)
})

afterAll(() => systemd.close())

/** Units run as the scene wants them. */
const prepare = async () => {
  const units = createSystemdUnits(systemd)
  await units.start([SCENE.gateway, SCENE.ui, SCENE.stubborn])
  const release = async (): Promise<void> => {
    for (const act of ['kill', 'stop'])
      await systemd.runner.run('/usr/bin/systemctl', [act, ...(act === 'kill' ? ['--signal=KILL'] : []), '--', SCENE.stubborn])
  }
  return { units, release }
}

describeUnitsContract('systemd', prepare)

describe('units of systemd', () => {
  it('are not stopped for good where another unit starts them at once, and that one is named', async () => {
    const units = createSystemdUnits(systemd)
    await units.start(['acme-triggered.path'])
    await expect(units.stop(['acme-triggered.service'], new AbortController().signal)).rejects.toMatchObject({
      code: 'units/stop',
      message: expect.stringContaining('acme-triggered.path can start it') as string,
    })
    await units.stop(['acme-triggered.path', 'acme-triggered.service'], new AbortController().signal)
    expect((await units.states(['acme-triggered.path', 'acme-triggered.service'])).map(({ state }) => state)).toEqual(['idle', 'idle'])
  })

  it('have failed when they are restarted again and again, and not in the first pause before a restart', { timeout: 30_000 }, async () => {
    const units = createSystemdUnits(systemd)
    await units.start(['acme-waits.service', 'acme-again.service']).catch(() => undefined)
    await until('a service that restarts over and over counts as failed', async () => (await units.failed()).includes('acme-again.service'))
    const { stdout } = await systemd.runner.run('/usr/bin/systemctl', ['show', '--property=SubState', '--value', '--', 'acme-waits.service'])
    expect(stdout.trim()).toBe('auto-restart')
    expect(await units.failed()).not.toContain('acme-waits.service')
    await units.stop(['acme-waits.service', 'acme-again.service'], new AbortController().signal)
  })

  it('are refused where no systemd runs', async () => {
    const runner = createExecaRunner(new RecordingLog())
    const files = { ...createNodeFiles(runner), stat: () => Promise.resolve(null) }
    await expect(createSystemdUnits({ files, runner }).states([SCENE.gateway])).rejects.toMatchObject({ code: 'units/no-systemd', exitCode: 10 })
  })
})
