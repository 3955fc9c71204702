import { describe, expect, it } from 'vitest'
import { ChangedError, FailedError, NoSpaceError, NotUndoneError, RefusedError } from '../../../src/errors.ts'
import { type Effects, Executor, UntouchedError } from '../../../src/snap/executor.ts'
import { faultPointsOf, type FaultPoints } from '../../../src/snap/fault-points.ts'
import { JournalDirectory, type Outcome } from '../../../src/snap/journal.ts'
import type { Basis, Plan } from '../../../src/snap/plan/plan.ts'
import type { Step } from '../../../src/snap/plan/step.ts'
import { FixedClock } from '../../fakes/fixed-clock.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { goodChoice, name } from './plan/planning-state.ts'

const note = (id: string): Step => ({ id, kind: 'reboot.note', text: id, why: id })
const choose = (id: string, be: number): Step => ({ id, kind: 'choice.write', from: goodChoice(1), to: goodChoice(be), why: id })
const apt: Step = { id: 'apt', kind: 'packages.apply', run: { label: 'all', packages: [] }, conffiles: 'keep', why: 'apt' }

const BASIS: Basis = { revision: 1, choice: goodChoice(1), running: name(1) }
const plan = (steps: readonly Step[], commit: string, escape: Plan['escape'] = null): Plan => ({
  format: 1,
  id: '20261121T030000Z-00000001',
  operation: 'test',
  madeAt: '',
  summary: '',
  basis: BASIS,
  checks: [],
  notices: [],
  steps,
  commit,
  escape,
})

const SWITCH = plan([note('a'), note('b'), choose('commit', 2), note('c'), note('d')], 'commit')
const UPGRADE = plan([note('a'), choose('arm', 2), note('preseed'), apt, note('verify'), choose('commit', 3), note('c')], 'commit', {
  from: 'apt',
  steps: [note('record-failure'), note('menu-failure')],
})

type Fault = (point: string) => Promise<void>

/** What steps did, on a disk that outlives the process. */
class World {
  readonly files = new MemoryFiles()
  readonly done = new Set<string>()
  readonly ended: Outcome[] = []
  running: string = name(1)
  reservesReleased = 0
  /** Called before a step is applied or undone. */
  before: (act: 'apply' | 'undo', step: Step) => void = () => undefined

  readonly effects = new Proxy({} as Effects, {
    get: () => ({
      apply: (step: Step) => {
        this.before('apply', step)
        this.done.add(step.id)
        return Promise.resolve(`result of ${step.id}`)
      },
      undo: (step: Step) => {
        this.before('undo', step)
        this.done.delete(step.id)
        return Promise.resolve()
      },
      isApplied: (step: Step) => Promise.resolve(this.done.has(step.id)),
    }),
  })

  executor(fault: Fault = () => Promise.resolve(), signal = new AbortController().signal): Executor {
    const faults: FaultPoints = { reach: fault }
    return new Executor({
      effects: this.effects,
      journals: this.journals,
      readBasis: () => Promise.resolve({ ...BASIS, running: this.running }),
      faults,
      clock: new FixedClock(),
      log: new RecordingLog(),
      owner: { pid: 1, startTime: '1' },
      signal,
      onPlan: () => undefined,
      onEvent: () => undefined,
      onEnded: (_plan, outcome) => {
        this.ended.push(outcome)
        return Promise.resolve()
      },
      releaseReserve: () => {
        this.reservesReleased += 1
        return Promise.resolve()
      },
    })
  }

  get journals(): JournalDirectory {
    return new JournalDirectory(this.files, '/state')
  }

  /** Run something in a process that is gone when it reaches a point. */
  async dieAt(point: string, work: (executor: Executor) => Promise<unknown>): Promise<boolean> {
    const { promise: dead, resolve: die } = Promise.withResolvers<'dead'>()
    const fault: Fault = (reached) => {
      if (reached !== point) return Promise.resolve()
      die('dead')
      return new Promise(() => undefined)
    }
    return (await Promise.race([dead, work(this.executor(fault)).catch(() => 'alive')])) === 'dead'
  }

  async recover(executor = this.executor()): Promise<void> {
    for (const { record, journal } of await this.journals.unfinished()) await executor.recover(record, journal)
  }

  async state(): Promise<{ readonly done: string[]; readonly open: number; readonly ended: Outcome[] }> {
    return { done: [...this.done].sort(), open: (await this.journals.unfinished()).length, ended: [...this.ended] }
  }
}

const failAt =
  (point: string, error: Error = new Error('fault')): Fault =>
  (reached) =>
    reached === point ? Promise.reject(error) : Promise.resolve()

const all = (made: Plan): string[] => made.steps.map((step) => step.id).sort()
const pointsOf = (made: Plan): string[] => faultPointsOf(made.steps)
const isBefore = (made: Plan, point: string, limit: string): boolean => pointsOf(made).indexOf(point) < pointsOf(made).indexOf(limit)
const ESCAPED = ['a', 'apt', 'arm', 'menu-failure', 'preseed', 'record-failure']

/** Where a run that stopped at a point must end: before the commit point undone, from apt on escaped, after it done. */
const endOf = (made: Plan, point: string): { readonly done: string[]; readonly open: number; readonly ended: Outcome[] } => {
  if (made.escape !== null && !isBefore(made, point, 'apt.begun') && isBefore(made, point, 'commit.applied')) {
    return { done: ESCAPED.filter((id) => id !== 'apt' || point !== 'apt.begun'), open: 0, ended: ['escaped'] }
  }
  if (isBefore(made, point, 'commit.applied')) return { done: [], open: 0, ended: ['undone'] }
  return { done: all(made), open: 0, ended: ['done'] }
}

describe.each([
  ['a plan', SWITCH],
  ['a plan with an escape', UPGRADE],
])('%s', (_, made) => {
  it('runs its steps in order and leaves what each made to the later ones', async () => {
    const world = new World()
    const reached: string[] = []
    const { outcome, results } = await world
      .executor((point) => {
        reached.push(point)
        return Promise.resolve()
      })
      .execute(made)
    expect(outcome).toBe('done')
    expect(reached).toEqual(pointsOf(made))
    expect(results.get('a')).toBe('result of a')
    expect(await world.state()).toEqual({ done: all(made), open: 0, ended: ['done'] })
  })

  it.each(pointsOf(made).filter((point) => point.includes('.') && !point.startsWith('plan.')))('that fails at %s is brought to its end', async (point) => {
    const world = new World()
    const error: unknown = await world
      .executor(failAt(point))
      .execute(made)
      .catch((reason: unknown) => reason)
    const end = endOf(made, point)
    if (end.ended[0] === 'done') {
      expect(error).toBeInstanceOf(NotUndoneError)
      expect((await world.state()).open).toBe(1)
      await world.recover()
    } else {
      expect(error).toBeInstanceOf(FailedError)
      expect(error).toMatchObject({ exitCode: 20, data: { rebootRequired: end.ended[0] === 'escaped' } })
    }
    expect(await world.state()).toEqual(end)
  })

  it.each(pointsOf(made))('whose process dies at %s is brought to its end by the next one', async (point) => {
    const world = new World()
    expect(await world.dieAt(point, (executor) => executor.execute(made))).toBe(true)
    await world.recover()
    expect(await world.state()).toEqual(endOf(made, point))
  })

  it('may die over and over again while it is brought to its end', async () => {
    const points = [...pointsOf(made), ...(made.escape?.steps ?? []).flatMap((step) => [`${step.id}.begun`, `${step.id}.applied`])]
    for (const first of pointsOf(made)) {
      for (const second of points) {
        const world = new World()
        await world.dieAt(first, (executor) => executor.execute(made))
        await world.dieAt(second, (executor) => world.recover(executor))
        await world.recover()
        const { ended, ...rest } = await world.state()
        const { ended: expected, ...wanted } = endOf(made, first)
        expect(rest, `${first}, then ${second}`).toEqual(wanted)
        expect(new Set(ended), `${first}, then ${second}`).toEqual(new Set(expected))
      }
    }
  })

  it('is refused when the machine is not what it was made from, and nothing is recorded', async () => {
    const world = new World()
    world.running = name(9)
    await expect(world.executor().execute(made)).rejects.toBeInstanceOf(ChangedError)
    expect(await world.state()).toEqual({ done: [], open: 0, ended: [] })
  })
})

describe('an interrupted run', () => {
  it('is undone when the operator interrupts before the commit point, and finished after it', async () => {
    for (const [point, ended] of [
      ['b.applied', 'undone'],
      ['commit.applied', 'done'],
    ] as const) {
      const world = new World()
      const controller = new AbortController()
      const fault: Fault = (reached) => {
        if (reached === point) controller.abort()
        return Promise.resolve()
      }
      const result = await world
        .executor(fault, controller.signal)
        .execute(SWITCH)
        .catch((error: unknown) => error)
      if (ended === 'undone') expect(result).toMatchObject({ code: 'interrupted', exitCode: 20 })
      expect((await world.state()).ended).toEqual([ended])
    }
  })

  it('is not undone from under the standby that a power cut started', async () => {
    const world = new World()
    await world.dieAt('preseed.begun', (executor) => executor.execute(UPGRADE))
    world.running = name(2)
    await world.recover()
    expect(await world.state()).toEqual({ done: ['a', 'arm', 'menu-failure', 'record-failure'], open: 0, ended: ['escaped'] })
  })

  it('whose choice was started since is finished, and the choice is not written again', async () => {
    const world = new World()
    const once = plan([note('a'), { ...choose('commit', 2), to: { ...goodChoice(1), once: name(2) } } as Step, note('c')], 'commit')
    await world.dieAt('commit.applied', (executor) => executor.execute(once))
    // GRUB took `once` out of the choice when it started what it names.
    world.done.delete('commit')
    world.running = name(2)
    world.before = (act, step) => {
      expect(`${act} ${step.id}`).toBe('apply c')
    }
    await world.recover()
    expect((await world.state()).ended).toEqual(['done'])
  })

  it('applies no step again that lies before the one that was begun after the commit point', async () => {
    const world = new World()
    await world.dieAt('d.begun', (executor) => executor.execute(SWITCH))
    const applied: string[] = []
    world.before = (_, step) => {
      applied.push(step.id)
    }
    await world.recover()
    expect(applied).toEqual(['d'])
  })
})

describe('a failure', () => {
  it('before apt changed anything is undone, although it lies at the escape', async () => {
    const world = new World()
    world.before = (act, step) => {
      if (act === 'apply' && step.id === 'apt') throw new UntouchedError(new RefusedError('apt', 'apt says no'))
    }
    await expect(world.executor().execute(UPGRADE)).rejects.toMatchObject({ code: 'apt', exitCode: 10 })
    expect(await world.state()).toEqual({ done: [], open: 0, ended: ['undone'] })
  })

  it('keeps its own class and exit code when all was undone', async () => {
    const world = new World()
    await expect(world.executor(failAt('b.begun', new NoSpaceError('full'))).execute(SWITCH)).rejects.toBeInstanceOf(NoSpaceError)
    expect((await world.state()).done).toEqual([])
  })

  it('of an undo is told as not undone, and the next process undoes', async () => {
    const world = new World()
    world.before = (act, step) => {
      if (act === 'undo' && step.id === 'a') throw new Error('cannot')
    }
    await expect(world.executor(failAt('b.applied')).execute(SWITCH)).rejects.toMatchObject({ exitCode: 21, next: ['belay doctor --fix'] })
    expect(await world.state()).toEqual({ done: ['a'], open: 1, ended: [] })
    world.before = () => undefined
    await world.recover()
    expect(await world.state()).toEqual({ done: [], open: 0, ended: ['undone'] })
  })

  it('to start units again is told with the reason of the undo, and holds up no later operation', async () => {
    const stop: Step = { id: 'stop', kind: 'units.stop', units: ['acme.service'], bootId: 'boot-1', why: 'stop' }
    const quiet = plan([stop, note('b'), choose('commit', 2)], 'commit')
    const down = new FailedError('units/start', 'acme.service did not start again', { rebootRequired: false, next: ['systemctl start -- acme.service'] })
    const world = new World()
    world.before = (act, step) => {
      if (act === 'undo' && step.id === 'stop') throw down
    }
    await expect(world.executor(failAt('b.begun', new RefusedError('full', 'no snapshot'))).execute(quiet)).rejects.toMatchObject({
      code: 'units/start',
      exitCode: 20,
      message: 'test failed and was undone: no snapshot; acme.service did not start again',
      next: down.next,
    })
    expect((await world.state()).open).toBe(0)
    await expect(world.executor(failAt('b.begun', down)).execute(quiet)).rejects.toBe(down)
  })

  it('of an undo on a full disk is tried once more with the space that was held back', async () => {
    const world = new World()
    world.before = (act) => {
      if (act === 'undo' && world.reservesReleased === 0) throw new NoSpaceError('full')
    }
    await expect(world.executor(failAt('b.applied')).execute(SWITCH)).rejects.toBeInstanceOf(FailedError)
    expect(world.reservesReleased).toBe(1)
    expect(await world.state()).toEqual({ done: [], open: 0, ended: ['undone'] })
  })
})
