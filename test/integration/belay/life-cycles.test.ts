import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lifeTable, liveThrough } from './life-cycles.ts'
import { expectFlat } from './life-expectations.ts'
import { Machine } from './machine.ts'
import { expectWhole } from './whole-appliance.ts'

/** A short life; the long one is test/long-life. */
const CYCLES = 6

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

describe('an appliance that is upgraded and taken back again and again', () => {
  it('holds no more after each time', async () => {
    const life = await liveThrough(machine, directory, CYCLES)
    process.stdout.write(`${lifeTable(life.cycles)}\n`)
    expectFlat(life)
    expect((await machine.list()).generations[0]).toMatchObject({ id: 1, factory: true })
    await expectWhole(machine)
  }, 600_000)
})
