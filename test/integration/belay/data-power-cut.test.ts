import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultPointsOf } from '../../../src/snap/fault-points.ts'
import { Machine, problemsOf } from './machine.ts'
import { expectWhole } from './whole-appliance.ts'

/** The power fails at every step of a rollback that takes the customer's data along: whatever comes up has its own data, and the other version's are kept. */
let machine: Machine

const customers = (): string => join(machine.root, 'srv/customer.txt')

beforeAll(async () => {
  machine = await Machine.make()
  await writeFile(customers(), 'of then\n')
  await machine.must('snapshot', '--with-data', '--keep', '-m', 'with its data')
  await writeFile(customers(), 'of now\n')
})

afterAll(async () => {
  await machine.close()
})

describe('a rollback --with-data in which the power fails', () => {
  it('leaves a version with its own data at every step, and a way to the other', async () => {
    const target = String((await machine.list()).generations.at(-1)?.id)
    const home = (await machine.status()).running?.be
    const points = async (): Promise<string[]> => faultPointsOf((await machine.plan('rollback', target, '--with-data')).plan.steps)
    const wentBack: string[] = []
    // Names in the plan change from time to time, its steps do not.
    for (const cut of (await points()).keys()) {
      const point = (await points())[cut] ?? ''
      const run = await machine.belay(['rollback', target, '--with-data', '--yes'], { env: { BELAY_FAULT: `${point}:kill` } })
      expect(run.signal, `${point}: ${run.stderr}${run.stdout}`).toBe('SIGKILL')
      await machine.reboot()
      await machine.must('booted')
      const came = (await machine.status()).running?.be
      expect(await readFile(customers(), 'utf8'), point).toBe(came === home ? 'of now\n' : 'of then\n')
      await machine.must('confirm')
      if (came !== home) {
        wentBack.push(point)
        await machine.must('forward', '--yes')
        await machine.rebootAndConfirm()
        expect((await machine.status()).running?.be, point).toBe(home)
        expect(await readFile(customers(), 'utf8'), point).toBe('of now\n')
      }
      expect(problemsOf(await machine.doctor()), point).toEqual([])
    }
    expect(wentBack).not.toEqual([])
    await expectWhole(machine)
  }, 1_800_000)
})
