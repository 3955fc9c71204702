import type { Driver } from '../driver.ts'
import type { Effects } from '../executor.ts'
import { memberFrom, membersFrom, volumeOrFrom } from './results.ts'
import { sourcesOf } from '../plan/state.ts'
import { nothing } from './nothing-to-undo.ts'

type SnapshotKinds =
  | 'generation.take'
  | 'generation.hold'
  | 'generation.destroy'
  | 'be.clone'
  | 'be.destroy'
  | 'data.clone'
  | 'data.carve'
  | 'data.adopt'
  | 'data.mount-by-fstab'
  | 'data.bind'
  | 'data.destroy'
  | 'config.carve'

/** Steps that the driver does: making is undone by destroying what carries the mark, destroying is never undone. */
export const snapshotEffects = (driver: Driver): Pick<Effects, SnapshotKinds> => ({
  'generation.take': {
    apply: (step, { results }) => {
      const known = 'step' in step.sources ? sourcesOf({ members: membersFrom(results, step.sources) }) : step.sources
      const remade = sourcesOf({ members: step.remade.map((from) => memberFrom(results, from)) })
      return driver.takeGeneration(step.name, [...known, ...remade])
    },
    undo: (step) => driver.destroyGeneration(step.name),
  },
  'generation.hold': { apply: (step) => driver.holdGeneration(step.name, step.to), undo: (step) => driver.holdGeneration(step.name, step.from) },
  'generation.destroy': { apply: (step) => driver.destroyGeneration(step.name), undo: nothing },
  'be.clone': {
    apply: (step, { results }) => driver.cloneBe(step.name, 'step' in step.sources ? sourcesOf({ members: membersFrom(results, step.sources) }) : step.sources),
    undo: (step) => driver.destroyBe(step.name),
  },
  'be.destroy': { apply: (step) => driver.destroyBe(step.name), undo: nothing },
  'data.clone': { apply: (step) => driver.cloneData(step.name, step.from), undo: (step) => driver.destroyData(step.name) },
  'data.carve': { apply: (step) => driver.carveData(step.name, step.be, step.mountpoint), undo: (step) => driver.destroyData(step.name) },
  'data.adopt': { apply: (step) => driver.adoptData(step.name, step.volume), undo: (step) => driver.unadoptData(step.name) },
  'data.mount-by-fstab': { apply: (step) => driver.mountDataByFstab(step.name), undo: nothing },
  'data.bind': {
    apply: (step, { results }) =>
      driver.bindData(
        step.be,
        step.uses.map((use) => ({ ...use, volume: volumeOrFrom(results, use.volume) })),
      ),
    undo: nothing,
  },
  'data.destroy': { apply: (step) => driver.destroyData(step.name), undo: nothing },
  'config.carve': { apply: (step) => driver.carveConfig(step.be, step.mountpoint), undo: (step) => driver.uncarveConfig(step.be, step.mountpoint) },
})
