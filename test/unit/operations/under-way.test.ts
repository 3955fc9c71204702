import { describe, expect, it } from 'vitest'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { readStatus } from '../../../src/operations/read-status.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { statusText } from '../../../src/view/status-text.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

/** A machine on which an operation was begun and has not ended. */
const withUnfinishedRun = async (): Promise<MemoryAppliance> => {
  const machine = await MemoryAppliance.initialised()
  await recordBoot(machine.process())
  const appliance = machine.process()
  machine.life.endAfter(8)
  await takeSnapshot(appliance, { text: 'cut', withData: false, keep: false, quiesce: false }, quietly).catch(() => undefined)
  return machine
}

describe('an operation that has not ended', () => {
  it('is under way while its process runs: nobody is told to reboot or to mend', async () => {
    const machine = await withUnfinishedRun()
    const appliance = { ...machine.process(), isAlive: () => Promise.resolve(true) }
    const status = await readStatus(appliance)
    expect(status).toMatchObject({ underWay: [{ operation: 'snapshot' }], interrupted: [], rebootRequired: false })
    expect(statusText(status)).toMatch(/snapshot \S+ is under way \(process \d+\): wait for it to end/)
    expect((await diagnose(appliance)).map(({ finding }) => [finding.code, finding.severity, finding.fixable])).toEqual([['under-way', 'note', false]])
  })

  it('was interrupted once its process is gone', async () => {
    const machine = await withUnfinishedRun()
    const appliance = { ...machine.process(), isAlive: () => Promise.resolve(false) }
    expect(await readStatus(appliance)).toMatchObject({ underWay: [], interrupted: [{ operation: 'snapshot' }] })
    expect((await diagnose(appliance)).map(({ finding }) => finding.code)).toEqual(['interrupted'])
  })
})
