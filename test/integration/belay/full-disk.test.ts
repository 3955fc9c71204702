import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Filling, fillBeforeDpkg } from './full-disk.ts'
import { Machine, problemsOf } from './machine.ts'
import { belongings, expectWhole } from './whole-appliance.ts'

const KIB = 1024
const BACK = '2'

let machine: Machine
let pool: Filling
let grubPartition: Filling

beforeAll(async () => {
  machine = await Machine.make()
  // In data, which no snapshot holds: what is deleted there is free again.
  pool = new Filling(join(machine.root, 'home'))
  grubPartition = new Filling(join(machine.root, 'boot/grub'))
  await machine.must('snapshot', '--keep', '-m', 'a place to go back to')
})

afterEach(async () => {
  await pool.empty()
  await grubPartition.empty()
})

afterAll(async () => {
  await machine.close()
})

const RESERVES = ['var/lib/belay/reserve', 'boot/grub/belay/reserve'] as const

const hasReserve = async (): Promise<boolean> => {
  const found = await Promise.all(
    RESERVES.map((path) =>
      stat(join(machine.root, path)).then(
        () => true,
        () => false,
      ),
    ),
  )
  expect(new Set(found).size, 'both reserves or none').toBe(1)
  return found[0] === true
}

/** Everything that was filled is empty again: doctor makes the reserve anew and finds no problem. */
const expectMended = async (): Promise<void> => {
  await pool.empty()
  await grubPartition.empty()
  expect(problemsOf(await machine.doctor('--fix'))).toEqual([])
  expect(await hasReserve()).toBe(true)
  await expectWhole(machine)
}

interface Tally {
  done: number
  refused: number
}

/**
 * Run a command that may only fail with different room left, so that the disk is full at another of its writes each time. It is done, or it is undone with exit
 * code 12; nothing half is left on the full disk, and what was released of the reserve is held back again.
 */
const withLessAndLess = async (filling: Filling, leaves: readonly number[], args: readonly string[]): Promise<Tally> => {
  const tally: Tally = { done: 0, refused: 0 }
  for (const leave of leaves) {
    const point = `${args.join(' ')} with ${String(leave / KIB)} KiB left`
    const before = await machine.list()
    const { generations, next } = before
    await filling.fill(leave)
    const run = await machine.json(args)
    expect(await hasReserve(), point).toBe(true)
    await expectWhole(machine)
    if (run.status === 0) tally.done += 1
    else {
      expect(run.output, point).toMatchObject({
        error: { code: 'no-space', exitCode: 12, next: expect.arrayContaining([expect.stringContaining('belay prune')]) as unknown },
      })
      expect(await machine.list(), point).toMatchObject({ generations, next })
      tally.refused += 1
    }
    await expectMended()
  }
  return tally
}

describe('a full pool', () => {
  it('undoes a snapshot wherever the room ends', async () => {
    const tally = await withLessAndLess(pool, [0, 4 * KIB, 12 * KIB, 16 * KIB, 20 * KIB], ['snapshot', '-m', 'full'])
    expect(tally.refused).toBeGreaterThan(2)
  }, 120_000)

  it('undoes a rollback wherever the room ends', async () => {
    const tally = await withLessAndLess(pool, [4 * KIB, 24 * KIB], ['rollback', BACK, '--yes'])
    expect(tally.refused).toBe(2)
  }, 120_000)

  it('still lets a generation go', async () => {
    await machine.must('snapshot', '-m', 'to be deleted')
    const victim = String((await machine.list()).generations.at(-1)?.id)
    await machine.must('snapshot', '-m', 'newest')
    await pool.fill(0)
    await machine.must('delete', victim, '--yes')
    expect((await machine.list()).generations.map(({ id }) => String(id))).not.toContain(victim)
    await expectMended()
  })

  it('refuses an upgrade before anything is downloaded', async () => {
    machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
    await machine.must('upgrade', '--yes', 'acme-gateway=1.0.0')
    await pool.fill(100 * KIB * KIB)
    const asked = machine.server.requests.length
    const error = await machine.refusal(['upgrade', 'acme-gateway', '--yes', '--no-refresh'])
    expect(error).toMatchObject({
      code: 'no-space',
      exitCode: 12,
      data: { where: 'pool', free: expect.any(Number) as unknown, need: expect.any(Number) as unknown },
    })
    expect(error.next).toEqual(['belay prune', 'apt-get clean', 'belay delete ID'])
    expect(machine.server.requests.length).toBe(asked)
    await expectWhole(machine)
    await expectMended()
  })

  it('leaves an upgrade that dpkg cannot finish to the untouched version, and records it by the reserve', async () => {
    const { running } = await machine.status()
    await fillBeforeDpkg(machine.root, '/home')
    const error = await machine.refusal(['upgrade', 'acme-gateway', '--yes'])
    expect(error).toMatchObject({ code: 'upgrade-failed', exitCode: 20, data: { rebootRequired: true } })
    expect(error.next).toContain('systemctl reboot')
    const status = await machine.status()
    expect(status.session).toMatchObject({ phase: 'failed', be: running?.be, fallback: status.next?.be })
    await expectWhole(machine, { findings: ['reboot-pending'] })

    await machine.reboot()
    expect((await machine.facts()).application).toBe('1.0.0')
    expect((await machine.json(['doctor'])).status).toBe(10)
    await pool.empty()
    await machine.must('confirm')
    await expectMended()
    await machine.must('prune', '--newest', '2', '--yes')
    await expectWhole(machine)
  })
})

describe('a full GRUB partition', () => {
  it('refuses a snapshot before anything is changed', async () => {
    const tally = await withLessAndLess(grubPartition, [0, 6 * KIB], ['snapshot', '-m', 'full'])
    expect(tally.refused).toBe(2)
  }, 120_000)

  it('refuses a rollback', async () => {
    const tally = await withLessAndLess(grubPartition, [0], ['rollback', BACK, '--yes'])
    expect(tally.refused).toBe(1)
  })

  it('keeps no trial from being confirmed', async () => {
    await machine.must('rollback', BACK, '--yes')
    await machine.reboot()
    await grubPartition.fill(0)
    await machine.must('confirm')
    expect((await machine.status()).running?.confirmed).toBe(true)
    await expectMended()
  })

  it('still lets a generation go', async () => {
    await grubPartition.fill(0)
    const victim = String((await machine.list()).generations.at(-2)?.id)
    await machine.must('delete', victim, '--yes')
    expect((await machine.list()).generations.map(({ id }) => String(id))).not.toContain(victim)
    await expectMended()
  })

  it('refuses an upgrade with a kernel before anything is changed', async () => {
    machine.repository.publish(['1.0.0'], { kernel: true, grub: false })
    await grubPartition.fill(8 * KIB * KIB)
    const error = await machine.refusal(['upgrade', '--yes'])
    expect(error).toMatchObject({ code: 'no-space', exitCode: 12, data: { where: '/boot/grub' }, next: ['belay prune', 'belay delete ID'] })
    await expectWhole(machine)
    await expectMended()
  })

  it('leaves an upgrade whose kernel finds no room to the untouched version', async () => {
    const before = await machine.facts()
    await fillBeforeDpkg(machine.root, '/boot/grub')
    const error = await machine.refusal(['upgrade', '--yes'])
    expect(error).toMatchObject({ code: 'upgrade-failed', exitCode: 20, data: { rebootRequired: true, cause: 'no-space' } })
    expect((await machine.appliance.grubReads('/grub.cfg')).toString('utf8')).toMatch(/^# belay grub.cfg/)
    expect((await machine.facts()).kernel).not.toBe(before.kernel)
    await expectWhole(machine, { findings: ['reboot-pending'] })

    await grubPartition.empty()
    await machine.rebootAndConfirm()
    expect(await machine.facts()).toEqual(before)
    await expectMended()
    await machine.must('prune', '--newest', '2', '--yes')
    await expectWhole(machine)
  }, 240_000)
})

describe('a full disk of a machine that was not adopted', () => {
  let plain: Machine

  beforeAll(async () => {
    plain = await Machine.make({ plain: true })
  })

  afterAll(async () => {
    await plain.close()
  })

  it('is refused before anything is changed', async () => {
    const inPool = new Filling(join(plain.root, 'opt'))
    await inPool.fill(64 * KIB * KIB)
    const init = ['init', '--config', '/etc/acme', '--yes'] as const
    expect(await plain.refusal(init)).toMatchObject({ code: 'no-space', exitCode: 12, data: { where: 'pool' } })
    expect((await belongings(plain)).subvolumes).toEqual([])
    await inPool.empty()

    const inGrub = new Filling(join(plain.root, 'boot/grub'))
    // Room for the kernel, none for the initrd, and then none for belay's own files.
    for (const leave of [20 * KIB * KIB, 4 * KIB]) {
      await inGrub.fill(leave)
      expect(await plain.refusal(init)).toMatchObject({ code: 'no-space', exitCode: 12, data: { where: '/boot/grub' } })
      expect(await plain.status()).toMatchObject({ initialised: false, interrupted: [] })
      const found = await belongings(plain)
      expect([found.subvolumes, found.containers, found.index, found.openJournals, found.bootSets, found.sets]).toEqual([[], [], null, [], [], []])
      await inGrub.empty()
    }
    await plain.must(...init)
    await plain.reboot()
    await expectWhole(plain)
  }, 120_000)
})
