import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { lifeTable, liveThrough } from '../integration/belay/life-cycles.ts'
import { expectFlat } from '../integration/belay/life-expectations.ts'
import { Machine } from '../integration/belay/machine.ts'
import { expectWhole } from '../integration/belay/whole-appliance.ts'

/** Retention has something to take from the fifth cycle on. */
const CYCLES = z.coerce.number().int().min(6).default(200).parse(process.env['BELAY_CYCLES'])
const MILLISECONDS_A_CYCLE = 60_000

let machine: Machine
let directory: string

beforeAll(async () => {
  machine = await Machine.make()
  directory = await mkdtemp(join(tmpdir(), 'belay-life-'))
})

afterAll(async () => {
  await machine.close()
  await rm(directory, { recursive: true, force: true })
})

describe(`an appliance that is upgraded and taken back ${String(CYCLES)} times`, () => {
  it(
    'holds no more at the end than after the first few',
    async () => {
      const life = await liveThrough(machine, directory, CYCLES)
      process.stdout.write(`${lifeTable(life.cycles)}\n`)
      expectFlat(life)
      expect((await machine.list()).generations[0]).toMatchObject({ id: 1, factory: true })
      await expectWhole(machine)
    },
    CYCLES * MILLISECONDS_A_CYCLE,
  )
})
