import type { Packages } from '../../pkg/packages.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Clock, Files, Units } from '../../sys/ports.ts'
import type { BootFiles } from '../boot-files.ts'
import type { Driver } from '../driver.ts'
import type { Effects } from '../executor.ts'
import type { IndexStore } from '../index-store.ts'
import type { ManifestStore } from '../manifest-store.ts'
import type { RebootNote } from '../reboot-note.ts'
import type { RootDescriber } from '../root-describer.ts'
import type { SpaceReserve } from '../space-reserve.ts'
import type { Target } from '../target.ts'
import { bootEffects } from './boot-effects.ts'
import { identityEffects } from './identity-effects.ts'
import { packageEffects } from './package-effects.ts'
import { recordEffects } from './record-effects.ts'
import { snapshotEffects } from './snapshot-effects.ts'
import { unitEffects } from './unit-effects.ts'

interface EffectPorts {
  readonly target: Target
  readonly stateDirectory: string
  readonly policy: Policy
  readonly files: Files
  readonly clock: Clock
  readonly driver: Driver
  readonly boot: BootFiles
  readonly packages: Packages
  readonly index: IndexStore
  readonly manifests: ManifestStore
  readonly describer: RootDescriber
  readonly reserve: SpaceReserve
  readonly rebootNote: RebootNote
  readonly units: Units | null
  readonly bootId: string | null
}

/** The table from step kind to effect; a kind without one does not compile. */
export const allEffects = (ports: EffectPorts): Effects => ({
  ...snapshotEffects(ports.driver),
  ...bootEffects(ports),
  ...packageEffects(ports),
  ...identityEffects({ ...ports, root: ports.target.root }),
  ...unitEffects(ports),
  ...recordEffects({ ...ports, root: ports.target.root }),
})
