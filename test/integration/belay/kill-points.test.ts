import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultPointsOf } from '../../../src/snap/fault-points.ts'
import { Machine, problemsOf } from './machine.ts'
import { isSampled } from './sample.ts'

/**
 * SIGKILL of belay's whole process group at every step boundary of every mutating operation, on a real appliance: the next command brings
 * it to an end, nothing half is left, and GRUB would start what status says at each moment.
 */
let machine: Machine
let points = 0

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  process.stdout.write(`belay was killed at ${String(points)} step boundaries\n`)
  await machine.close()
})

/** Where a run stands after its recovery: nothing open, nothing half, and GRUB agrees. */
const expectSettled = async (point: string): Promise<void> => {
  const status = await machine.status()
  expect(status.interrupted, point).toEqual([])
  expect(await machine.grubBoots(), point).toBe(status.next?.be)
  expect(problemsOf(await machine.doctor()), point).toEqual([])
}

/** Kill one operation at one point; afterwards the appliance runs and is confirmed again. */
const killAt = async (args: readonly string[], point: string): Promise<void> => {
  const run = await machine.belay(args, { env: { BELAY_FAULT: `${point}:kill` } })
  points += 1
  expect(run.signal, `${args.join(' ')} at ${point}: ${run.stderr}${run.stdout}`).toBe('SIGKILL')
  // A power cut at this very moment boots by itself into a version that is there.
  const boots = await machine.grubBoots()
  expect(boots, point).not.toBeNull()
  await machine.belay(['doctor', '--fix'])
  const after = await machine.status()
  if (after.next?.be !== after.running?.be) await machine.reboot()
  // Confirming is where most of the recovery could go wrong once more; an operation that left everything as it was needs none.
  if (after.next?.be !== after.running?.be || after.session !== null || after.choice?.good !== after.running?.be) await machine.must('confirm')
  await expectSettled(point)
}

const allPointsOf = async (...args: string[]): Promise<string[]> => faultPointsOf((await machine.plan(...args)).plan.steps.map(({ id }) => ({ id })))
const pointsOf = async (...args: string[]): Promise<string[]> => (await allPointsOf(...args)).filter((_, index) => isSampled(index))

describe('belay killed at every step boundary', () => {
  it('recovers a snapshot', async () => {
    for (const point of await pointsOf('snapshot', '-m', 'x')) await killAt(['snapshot', '-m', `killed at ${point}`], point)
  }, 600_000)

  it('recovers a rollback and the way forward', async () => {
    // Kept: each confirmation prunes by policy.
    await machine.must('snapshot', '--keep', '-m', 'a place to go back to')
    const target = (await machine.list()).generations.find((generation) => generation.text === 'a place to go back to')?.id
    expect(target).toBeDefined()
    for (const point of await pointsOf('rollback', String(target))) {
      await killAt(['rollback', String(target), '--yes'], point)
      const left = (await machine.status()).left.at(-1)
      if (left !== undefined) {
        await machine.must('forward', '--yes')
        await machine.reboot()
        await machine.must('confirm')
      }
    }
  }, 900_000)

  it('recovers a forward', async () => {
    const target = (await machine.list()).generations.find((generation) => generation.text === 'a place to go back to')?.id
    await machine.must('rollback', String(target), '--yes')
    await machine.reboot()
    await machine.must('confirm')
    for (const point of await pointsOf('forward')) {
      await killAt(['forward', '--yes'], point)
      if ((await machine.status()).left.length === 0) {
        await machine.must('rollback', String(target), '--yes')
        await machine.reboot()
        await machine.must('confirm')
      }
    }
  }, 900_000)

  it('recovers a delete', async () => {
    const fresh = async (): Promise<string> => {
      await machine.must('snapshot', '-m', 'to be deleted')
      return String((await machine.list()).generations.at(-1)?.id)
    }
    // The newest confirmed generation is protected: another one goes on top.
    const victim = await fresh()
    await fresh()
    const steps = await pointsOf('delete', victim)
    let id = victim
    for (const template of steps) {
      const point = template.replaceAll(`gen-${victim.padStart(6, '0')}`, `gen-${id.padStart(6, '0')}`)
      const standby = (await machine.list()).generations.find((generation) => String(generation.id) === id)?.be ?? ''
      await killAt(['delete', id, '--yes'], point.replace(/be-\d{6}/, standby))
      const known = (await machine.list()).generations.map((generation) => String(generation.id))
      if (!known.includes(id)) {
        id = await fresh()
        await fresh()
      }
    }
  }, 900_000)

  it('recovers a prune', async () => {
    const rule = ['prune', '--newest', '1'] as const
    for (let index = 0; ; index += 1) {
      await machine.must('snapshot', '-m', 'older')
      await machine.must('snapshot', '-m', 'newest')
      const point = (await allPointsOf(...rule))[index]
      if (point === undefined) break
      if (isSampled(index)) await killAt([...rule, '--yes'], point)
    }
  }, 900_000)

  it('recovers an upgrade, by undoing it or by booting the untouched version', async () => {
    const before = await machine.facts()
    machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
    await machine.belay(['upgrade', '--plan'])
    for (let index = 0; ; index += 1) {
      const point = (await allPointsOf('upgrade'))[index]
      if (point === undefined) break
      if (!isSampled(index)) continue
      await killAt(['upgrade', '--yes'], point)
      const facts = await machine.facts()
      expect(facts.data, point).toBe(before.data)
      expect([before.application, '2.0.0'], point).toContain(facts.application)
      if (facts.application === '2.0.0') {
        expect((await machine.status()).running?.confirmed).toBe(true)
        await machine.must('rollback', '--yes')
        await machine.reboot()
        await machine.must('confirm')
        await machine.must('prune', '--newest', '3', '--yes')
      }
    }
  }, 1_800_000)
})
