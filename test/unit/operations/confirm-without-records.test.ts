import { beforeEach, describe, expect, it } from 'vitest'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { planKeep } from '../../../src/snap/plan/keep.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'
import { context, state } from '../snap/plan/planning-state.ts'

const ID = '20261121T030000Z-0000000a'

describe('confirming a version', () => {
  let machine: MemoryAppliance
  const stateFile = (name: string): string => `${machine.pool.at('state')}/${name}`

  const leaveUpgrade = async (kind: string): Promise<void> => {
    const base = planKeep(state(), { id: 1, hold: { owner: 'root', until: null } }, context())
    const step = { id: 'apt', why: '', kind, run: { label: 'all', packages: [] }, conffiles: 'keep' }
    const opened = { ...base, id: ID, operation: 'upgrade', basis: { ...base.basis, running: 'be-000001' }, steps: [step], commit: 'apt' }
    await machine.files.writeAtomic(
      stateFile(`journal/${ID}.jsonl`),
      `${JSON.stringify({ opened, owner: { pid: 1, startTime: '1' } })}\n${JSON.stringify({ begun: 0 })}\n`,
    )
  }

  beforeEach(async () => {
    machine = await MemoryAppliance.initialised()
  })

  it('without an index writes the choice and says so in the audit log', async () => {
    await machine.files.writeAtomic(stateFile('index.json'), '{')
    const appliance = machine.process()
    const { plan } = await confirmVersion(appliance, quietly)
    expect(plan.id).toBe('without-index')
    expect((await appliance.audit.read()).at(-1)).toMatchObject({ plan: 'without-index', operation: 'confirm', outcome: 'done', user: 'root' })
  })

  it('without an index is refused to the version whose upgrade was interrupted', async () => {
    await machine.files.writeAtomic(stateFile('index.json'), '{')
    await leaveUpgrade('packages.apply')
    const appliance = machine.process()
    const before = await appliance.boot.readChoice()
    await expect(confirmVersion(appliance, quietly)).rejects.toMatchObject({ code: 'session/armed', exitCode: 10 })
    expect(await appliance.boot.readChoice()).toEqual(before)
  })

  it('works beside a journal that this belay cannot read, and leaves that journal to the one that can', async () => {
    await leaveUpgrade('pool.scrub')
    const { plan } = await confirmVersion(machine.process(), quietly)
    expect(plan).toMatchObject({ id: 'without-journal', notices: ['the journal cannot be read; only the boot choice was confirmed (belay doctor)'] })
    expect(await machine.files.list(stateFile('journal'))).toContain(`${ID}.jsonl`)
  })
})
