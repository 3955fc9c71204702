import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorReport } from './json-output.ts'
import { Filling } from './full-disk.ts'
import { Machine, problemsOf } from './machine.ts'
import { workingAt } from './stopped-at.ts'
import { expectWhole } from './whole-appliance.ts'

/**
 * A filesystem that is full from one step boundary of an operation on, when every check has passed. Belay's records are a directory of the pool on btrfs, so
 * that the pool and the GRUB partition are all there are.
 */
let machine: Machine
const tally = new Map<string, number>()

beforeAll(async () => {
  machine = await Machine.make()
  machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
  await machine.appliance.run('/usr/bin/apt-get', ['--quiet', 'update'])
  await machine.must('snapshot', '--keep', '-m', 'a place to go back to')
})

afterAll(async () => {
  await machine.close()
})

const BACK = '2'

const PLACES = {
  // In data, which no snapshot holds: what is deleted there is free again.
  pool: { directory: 'home', reserve: 'var/lib/belay/reserve' },
  'GRUB partition': { directory: 'boot/grub', reserve: 'boot/grub/belay/reserve' },
} as const
type Place = keyof typeof PLACES

interface Operation {
  readonly args: readonly string[]
  /** Brings the machine to where the operation can be asked for. */
  readonly prepare: () => Promise<void>
  /** Step boundaries at which each filesystem gets full. `*` stands for the number of what is destroyed. */
  readonly points: Readonly<Record<Place, readonly string[]>>
  /** Exit codes that may come of it: 12 and 20 only where all was undone, or is by the next boot. */
  readonly mayEnd: readonly number[]
}

const nothing = (): Promise<void> => Promise.resolve()
const goBack = async (): Promise<void> => {
  await machine.must('rollback', BACK, '--yes')
  await machine.reboot()
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  snapshot: {
    args: ['snapshot', '-m', 'meets a full disk'],
    prepare: nothing,
    points: {
      pool: ['plan.opened', 'take-generation.begun', 'describe-generation.begun', 'clone-standby.begun', 'record.begun', 'plan.ended'],
      'GRUB partition': ['share-boot-set.begun', 'menu.begun'],
    },
    mayEnd: [0, 12],
  },
  rollback: {
    args: ['rollback', BACK, '--yes'],
    prepare: nothing,
    points: { pool: ['take-generation.begun', 'record.begun', 'switch.applied'], 'GRUB partition': ['menu.begun', 'switch.begun'] },
    mayEnd: [0, 12],
  },
  confirm: { args: ['confirm'], prepare: goBack, points: { pool: ['record.begun', 'switch.applied'], 'GRUB partition': ['menu.begun'] }, mayEnd: [0, 12] },
  forward: {
    args: ['forward', '--yes'],
    prepare: async () => {
      await goBack()
      await machine.must('confirm')
    },
    points: { pool: ['record.begun'], 'GRUB partition': ['menu.begun'] },
    mayEnd: [0, 12],
  },
  prune: {
    args: ['prune', '--newest', '1', '--yes'],
    prepare: async () => {
      await machine.must('snapshot', '-m', 'older')
      await machine.must('snapshot', '-m', 'newest')
    },
    points: { pool: ['record.begun', 'menu.begun'], 'GRUB partition': ['menu.begun'] },
    mayEnd: [0, 12],
  },
  upgrade: {
    args: ['upgrade', 'acme-gateway', '--yes', '--no-refresh'],
    prepare: async () => {
      await machine.appliance.run('/usr/bin/apt-get', ['clean'])
    },
    points: {
      pool: ['decide.begun', 'take-generation.begun', 'record.begun', 'arm.begun', 'apply-1.begun', 'record-result.begun', 'switch.begun', 'reboot-note.begun'],
      'GRUB partition': ['share-boot-set.begun', 'arm.begun', 'new-boot-set.begun', 'menu-result.begun'],
    },
    mayEnd: [0, 12, 20],
  },
}

const rows = Object.entries(OPERATIONS).flatMap(([name, operation]) =>
  (Object.keys(PLACES) as Place[]).flatMap((place) => operation.points[place].map((point) => [name, place, point, operation] as const)),
)

const has = (path: string): Promise<boolean> =>
  stat(join(machine.root, path)).then(
    () => true,
    () => false,
  )

/** GRUB and status agree, and doctor has nothing but what a full disk, or the reboot that is asked for, explains. */
const expectSoundWhileFull = async (point: string): Promise<void> => {
  const status = await machine.status()
  expect(status.interrupted, point).toEqual([])
  expect(await machine.grubBoots(), point).toBe(status.next?.be)
  expect(
    problemsOf(await machine.doctor()).filter((text) => !text.startsWith('reserve:')),
    point,
  ).toEqual([])
}

/** Start from a version that is confirmed and next, with nothing of an earlier row but the generation to go back to. */
const settle = async (): Promise<void> => {
  const { running, next, choice, session } = await machine.status()
  if (next?.be !== running?.be) await machine.reboot()
  if (next?.be !== running?.be || session !== null || choice?.good !== running?.be || choice?.trial !== null) await machine.must('confirm')
  if ((await machine.facts()).application === '2.0.0') {
    await machine.must('rollback', '--yes')
    await machine.rebootAndConfirm()
  }
  await machine.must('prune', '--newest', '2', '--yes')
}

describe('a filesystem that gets full in the middle', () => {
  it.each(rows)(
    'of %s: the %s at %s',
    async (_, place, point, { args, prepare, mayEnd }) => {
      const filling = new Filling(join(machine.root, PLACES[place].directory))
      await prepare()
      const [before, factsBefore] = [await machine.list(), await machine.facts()]
      try {
        const run = await workingAt(machine, point, args, () => filling.fill(0))
        expect(mayEnd, `ended with ${String(run.status)}: ${run.stdout}`).toContain(run.status)
        await expectSoundWhileFull(point)
        if (run.status !== 0) {
          const { error } = run.output as { readonly error: ErrorReport }
          expect(error.next, 'what to do is said').not.toEqual([])
          const isUndone = error.data['rebootRequired'] !== true
          if (isUndone) expect(await machine.list()).toMatchObject({ generations: before.generations, next: before.next })
          else expect(error.next).toContain('systemctl reboot')
          if (run.status === 12)
            expect(error).toMatchObject({ code: 'no-space', next: expect.arrayContaining([expect.stringContaining('belay prune')]) as unknown })
        }
        tally.set(String(run.status), (tally.get(String(run.status)) ?? 0) + 1)
      } finally {
        await filling.empty()
      }
      const fixed = await machine.doctor('--fix')
      expect(problemsOf(fixed)).toEqual([])
      for (const { reserve } of Object.values(PLACES)) expect(await has(reserve), reserve).toBe(true)
      await settle()
      const facts = await machine.facts()
      expect(facts.application).toBe(factsBefore.application)
      await expectWhole(machine)
    },
    240_000,
  )

  it('was met by undoing, and by going on', () => {
    process.stdout.write(`full at ${String(rows.length)} step boundaries: ${JSON.stringify(Object.fromEntries(tally))}\n`)
    expect(tally.get('0'), 'operations that were done all the same').toBeGreaterThan(0)
    expect(tally.get('12'), 'operations that were undone').toBeGreaterThan(0)
  })
})
