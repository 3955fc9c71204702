import { BelayError, ChangedError } from '../../errors.ts'
import type { Packages } from '../../pkg/packages.ts'
import { inverseOfChange } from '../../pkg/release/source-change.ts'
import { type Effects, UntouchedError } from '../executor.ts'
import type { ManifestStore } from '../manifest-store.ts'
import { decidedFrom } from './results.ts'
import { nothing } from './nothing-to-undo.ts'

type PackageKinds = 'packages.download' | 'packages.decide' | 'packages.sources' | 'packages.preseed' | 'packages.apply' | 'packages.verify'

interface PackagePorts {
  readonly packages: Packages
  readonly manifests: ManifestStore
}

/** Steps that apt and dpkg do. What they change in root cannot be taken back step by step: the plan's escape says what happens instead. */
export const packageEffects = ({ packages, manifests }: PackagePorts): Pick<Effects, PackageKinds> => ({
  'packages.download': {
    apply: (step, { progress, signal }) => packages.download(step.runs, { onProgress: progress, signal }),
    // Downloaded archives are apt's cache, not a change.
    undo: nothing,
  },
  'packages.decide': {
    apply: async (step) => {
      await packages.keepDefaults(step.runs, manifests.defaultsDirectory(step.generation))
      return packages.decide(step.runs)
    },
    undo: (step) => manifests.remove(step.generation),
  },
  'packages.sources': {
    apply: (step) => packages.changeSources(step.changes),
    undo: async (step) => {
      for (const change of step.changes) {
        try {
          await packages.changeSources([inverseOfChange(change)])
        } catch (error) {
          // Somebody edited the file since: it is theirs, and must not keep all else from being undone.
          if (!(error instanceof ChangedError)) throw error
        }
      }
    },
  },
  'packages.preseed': {
    apply: async (step, { results }) => {
      await packages.preseed(decidedFrom(results, step.decided).answers)
    },
    undo: nothing,
  },
  'packages.apply': {
    apply: async (step, { progress, signal }) => {
      try {
        await packages.apply(step.run, step.conffiles, { onProgress: progress, signal })
      } catch (error) {
        throw error instanceof BelayError && error.data['dpkgBegan'] === false ? new UntouchedError(error) : error
      }
    },
    undo: nothing,
  },
  'packages.verify': { apply: () => packages.verify(), undo: nothing },
})
