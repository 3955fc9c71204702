import type { BootFiles } from '../boot-files.ts'
import type { Driver } from '../driver.ts'
import type { Effects, Results } from '../executor.ts'
import type { IndexStore } from '../index-store.ts'
import type { ManifestStore, Quiescence } from '../manifest-store.ts'
import { INDEX_FORMAT } from '../model.ts'
import type { PlannedQuiesce } from '../plan/step.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Clock, Files } from '../../sys/ports.ts'
import { CONFIG_FILE } from '../target.ts'
import { pathInside } from '../path-inside.ts'
import type { RootDescriber } from '../root-describer.ts'
import type { SpaceReserve } from '../space-reserve.ts'
import { inversesOf, resolveChange } from './resolve-changes.ts'
import { decidedFrom, membersFrom, startedFrom } from './results.ts'
import { nothing } from './nothing-to-undo.ts'

type RecordKinds = 'index.create' | 'index.change' | 'remains.settle' | 'generation.describe' | 'root.describe' | 'policy.write' | 'space.reserve'

interface RecordPorts {
  readonly files: Files
  readonly clock: Clock
  readonly driver: Driver
  readonly boot: BootFiles
  readonly index: IndexStore
  readonly manifests: ManifestStore
  readonly describer: RootDescriber
  readonly reserve: SpaceReserve
  readonly policy: Policy
  readonly root: string
}

/** What the manifest says of units that were stopped. */
const quiescenceOf = ({ units, idle, started }: PlannedQuiesce, results: Results): Quiescence => ({
  units: [...units],
  idle: [...idle],
  ...(started === null ? { from: null, to: null } : startedFrom(results, started)),
})

/** Steps that write belay's own records. */
export const recordEffects = (ports: RecordPorts): Pick<Effects, RecordKinds> => ({
  'index.create': {
    apply: async (step) => {
      await ports.index.write({
        format: { ...INDEX_FORMAT },
        revision: 0,
        driver: step.driver,
        pool: step.pool,
        next: { generation: 1, be: 1, data: 1 },
        factory: null,
        left: [],
        session: null,
        generations: [],
        bootEnvironments: [],
        data: [],
      })
    },
    undo: () => ports.index.remove(),
  },
  'index.change': {
    apply: async (step, { results }) => {
      await ports.index.change(step.changes.flatMap((change) => resolveChange(change, results)))
      for (const change of step.changes) {
        if (change.planned === 'change' && change.change.change === 'remove-generation') await ports.manifests.remove(change.change.id)
      }
    },
    undo: async (step, { results }) => {
      const before = await ports.index.readIfAny()
      if (before === null) return
      const after = await ports.index.change(inversesOf(step.changes, results))
      const { choice } = await ports.boot.readChoice()
      if (choice !== null) await ports.boot.writeMenu(after, choice)
    },
    isApplied: async (step) => {
      const index = await ports.index.readIfAny()
      if (index === null) return false
      return step.changes.every((change) => {
        if (change.planned === 'add-generation') return index.generations.some((generation) => generation.id === change.draft.id)
        if (change.planned === 'add-be') return index.bootEnvironments.some((be) => be.name === change.draft.name)
        if (change.planned !== 'change') return true
        if (change.change.change === 'remove-generation')
          return !index.generations.some((generation) => change.change.change === 'remove-generation' && generation.id === change.change.id)
        if (change.change.change === 'remove-be')
          return !index.bootEnvironments.some((be) => change.change.change === 'remove-be' && be.name === change.change.name)
        if (change.change.change === 'keep-generation') {
          const { id, keep } = change.change
          return index.generations.some((generation) => generation.id === id && generation.keep === keep.to)
        }
        return true
      })
    },
  },
  'remains.settle': {
    apply: async () => {
      const { remains = [] } = await ports.index.read()
      const there = new Set<string>((await ports.driver.survey()).map(({ name }) => name))
      const to = remains.filter(({ name }) => there.has(name))
      if (to.length < remains.length) await ports.index.change([{ change: 'remains', remains: { from: remains, to } }])
    },
    undo: nothing,
  },
  'generation.describe': {
    apply: async (step, { results }) => {
      const root = membersFrom(results, step.members).find((member) => member.role === 'root')
      if (root === undefined) throw new Error('a generation has a root')
      const description = await ports.describer.describe(await ports.driver.directoryOf(root.volume))
      await ports.manifests.write({
        format: 1,
        generation: step.generation,
        createdAt: ports.clock.now().toISOString(),
        dataFormat: description.dataFormat,
        packages: description.installed.map(({ name, arch, version }) => ({ name, arch, version })),
        decisions: step.decided === undefined ? [] : decidedFrom(results, step.decided).decisions,
        ...(step.quiesced === undefined ? {} : { quiesced: quiescenceOf(step.quiesced, results) }),
      })
      return { packages: description.packages, dataFormat: description.dataFormat }
    },
    undo: (step) => ports.manifests.remove(step.generation),
  },
  'root.describe': {
    apply: async () => {
      const description = await ports.describer.describe(ports.root)
      return { packages: description.packages, dataFormat: description.dataFormat }
    },
    undo: nothing,
  },
  'policy.write': {
    apply: async (step) => {
      const file = await pathInside(ports.files, await ports.driver.beRootDirectory(step.be), CONFIG_FILE)
      await ports.files.makeDirectory(file.slice(0, file.lastIndexOf('/')), 0o755)
      await ports.files.writeAtomic(file, step.text, 0o644)
    },
    undo: nothing,
  },
  'space.reserve': {
    apply: () => ports.reserve.make(ports.policy),
    undo: () => ports.reserve.release(),
  },
})
