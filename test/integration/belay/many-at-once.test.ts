import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JsonRun, Machine } from './machine.ts'
import { until } from './processes.ts'
import { isStopped, workingAt } from './stopped-at.ts'
import { belongings, codesOf, expectWhole } from './whole-appliance.ts'

/** Many commands that are started in the same moment, on one appliance. */
const MANY = 20

let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  await machine.close()
})

const READING = [['status'], ['list'], ['show', '1'], ['audit'], ['doctor']] as const

interface Started {
  readonly pid: number
  readonly run: Promise<JsonRun>
}

/** Starts a snapshot that stands still once it holds the lock and its journal is open. */
const startSnapshot = async (number: number): Promise<Started> => {
  const started = Promise.withResolvers<number>()
  const run = machine.json(['snapshot', '-m', `one of many, number ${String(number)}`], {
    env: { BELAY_FAULT: 'plan.opened:stop' },
    onStart: started.resolve,
  })
  return { pid: await started.promise, run }
}

const findStopped = async (all: readonly Started[]): Promise<Started | null> => {
  for (const one of all) if (await isStopped(one.pid)) return one
  return null
}

/** Lets go of the one that has the lock once all others have ended, and says how all of them did. */
const settle = async (
  all: readonly Started[],
  meanwhile: (winner: Started) => Promise<void>,
): Promise<{ readonly winner: JsonRun; readonly losers: JsonRun[] }> => {
  let winner: Started | null = null
  await until('one of them has the lock', async () => (winner = await findStopped(all)) !== null)
  const held = winner as Started | null
  if (held === null) throw new Error('nobody has the lock')
  try {
    const losers = await Promise.all(all.filter((one) => one !== held).map(({ run }) => run))
    await meanwhile(held)
    process.kill(held.pid, 'SIGCONT')
    return { winner: await held.run, losers }
  } catch (error) {
    process.kill(held.pid, 'SIGCONT')
    throw error
  }
}

describe('twenty commands at once', () => {
  it('that change something: one does it, and all others are refused with who does', async () => {
    const before = await belongings(machine)
    const { generations } = await machine.list()
    const all = await Promise.all(Array.from({ length: MANY }, (_, number) => startSnapshot(number)))
    const { winner, losers } = await settle(all, async ({ pid }) => {
      expect(await machine.status()).toMatchObject({ underWay: [{ operation: 'snapshot', pid }], interrupted: [] })
      const refused = await machine.refusal(['snapshot', '-m', 'one more'])
      expect(refused.message).toMatch(new RegExp(`^snapshot by \\S+ \\(pid ${String(pid)}\\) has held the lock since `))
      expect(refused.next).toContain(`ps -fp ${String(pid)}   # what it is doing`)
    })
    expect(winner.status).toBe(0)
    expect(losers).toHaveLength(MANY - 1)
    const holder = all.find(
      ({ pid }) => !losers.some(({ output }) => (output as { error: { data: { holder: { pid: number } } } }).error.data.holder.pid !== pid),
    )
    expect(holder, 'all of them name the same holder').toBeDefined()
    for (const { status, output } of losers) {
      expect([status, output]).toMatchObject([11, { error: { code: 'locked', exitCode: 11, data: { holder: { operation: 'snapshot' } } } }])
    }

    expect((await machine.list()).generations).toHaveLength(generations.length + 1)
    const after = await belongings(machine)
    expect(after.containers).toHaveLength(before.containers.length + 2)
    expect(await readFile(join(machine.root, 'var/lib/belay/lock'), 'utf8')).toBe('')
    const { entries } = (await machine.json(['audit'])).output as { entries: { operation: string }[] }
    expect(entries.filter(({ operation }) => operation === 'snapshot')).toHaveLength(1)
    await expectWhole(machine)
  }, 240_000)

  it('of which some only look: those are answered, whoever has the lock', async () => {
    const { generations } = await machine.list()
    const writers = Array.from({ length: MANY / 2 }, (_, number) => startSnapshot(number))
    const readers = Array.from({ length: MANY / 2 }, (_, number) => machine.json(READING[number % READING.length] ?? ['status']))
    const looked = await Promise.all(readers)
    const { winner, losers } = await settle(await Promise.all(writers), async () => {
      for (const args of READING) expect((await machine.json(args)).status, args.join(' ')).toBe(0)
    })
    expect(looked.map(({ status }) => status)).toEqual(looked.map(() => 0))
    expect([winner.status, losers.map(({ status }) => status)]).toEqual([0, losers.map(() => 11)])
    expect((await machine.list()).generations).toHaveLength(generations.length + 1)
    await expectWhole(machine)
  }, 240_000)

  it('that look while another one is between two steps: none takes work in progress for damage', async () => {
    const { steps } = (await machine.plan('snapshot', '-m', 'x')).plan
    for (const { id } of steps) {
      const run = await workingAt(machine, `${id}.applied`, ['snapshot', '-m', `looked at after ${id}`], async () => {
        expect((await machine.json(['list'])).status, id).toBe(0)
        const doctor = await machine.json(['doctor'])
        expect([doctor.status, codesOf(doctor.output)], id).toEqual([0, ['under-way']])
      })
      expect(run.status, id).toBe(0)
    }
    await expectWhole(machine)
  }, 240_000)
})
