import { describe, expect, it } from 'vitest'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

/** A machine on which somebody destroyed the boot environment of its newest generation. */
const withoutStandby = async (): Promise<{ machine: MemoryAppliance; id: number; be: string }> => {
  const machine = await MemoryAppliance.initialised()
  await takeSnapshot(machine.process(), { text: 'before', withData: false, keep: false, quiesce: false }, quietly)
  const { index: store } = machine.process()
  const index = await store.read()
  const be = index.bootEnvironments.at(-1)
  if (be === undefined || be.standsFor === null) throw new Error('the generation has no standby')
  machine.files.removeTree(machine.pool.at(`be/${be.name}`))
  return { machine, id: be.standsFor, be: be.name }
}

const problems = async (machine: MemoryAppliance): Promise<string[]> =>
  (await diagnose(machine.process())).flatMap(({ finding: { severity, code, text } }) => (severity === 'problem' ? [`${code} ${text}`] : []))

describe('a boot environment that somebody destroyed', () => {
  it('is named by doctor, with what can be done', async () => {
    const { machine, id, be } = await withoutStandby()
    const [found] = (await diagnose(machine.process())).filter(({ finding }) => finding.code === 'be-missing')
    expect(found?.finding.text).toContain(be)
    expect(found?.finding.remedy).toContain(`belay delete ${String(id)}`)
  })

  it('is not gone to, and keeps nobody from the rest', async () => {
    const { machine, id } = await withoutStandby()
    const request = { direction: 'rollback', id, keepConfig: false, withData: false, once: false, force: false } as const
    await expect(switchVersion(machine.process(), request, quietly)).rejects.toMatchObject({ code: 'be-missing', exitCode: 10 })
    await expect(confirmVersion(machine.process(), quietly)).resolves.toBeDefined()
  })
})

describe('data that is not mounted', () => {
  it('is named by doctor', async () => {
    const machine = await MemoryAppliance.initialised()
    expect(await problems(machine)).toEqual([])
    await machine.pool.showAt(new Map())
    expect(await problems(machine)).toEqual([expect.stringMatching(/^data-not-mounted \/srv\/files /)])
  })
})
