import type { BootLoader } from '../boot/boot-loader.ts'
import type { AptRuns } from '../pkg/apt-runs.ts'
import type { Packages } from '../pkg/packages.ts'
import type { Policy } from '../policy/policy.ts'
import type { AuditLog } from '../snap/audit-log.ts'
import type { BootFiles } from '../snap/boot-files.ts'
import type { Driver } from '../snap/driver.ts'
import type { FaultPoints } from '../snap/fault-points.ts'
import type { IndexStore } from '../snap/index-store.ts'
import type { JournalDirectory } from '../snap/journal.ts'
import type { LoginMessageFile } from '../snap/login-message-file.ts'
import type { ManifestStore } from '../snap/manifest-store.ts'
import type { RebootNote } from '../snap/reboot-note.ts'
import type { RootDescriber } from '../snap/root-describer.ts'
import type { SpaceReserve } from '../snap/space-reserve.ts'
import type { Target } from '../snap/target.ts'
import type { Actor, Clock, Files, ForeignPrograms, Lock, Log, Power, SystemJournal, Units } from '../sys/ports.ts'

/** Everything of one appliance that operations use, put together by the composition root. */
export interface Appliance {
  readonly target: Target
  readonly stateDirectory: string
  readonly policy: Policy
  /** Why config.yaml could not be read; policy is then the default, and nothing may be changed. */
  readonly policyProblem: Error | null
  readonly driver: Driver
  readonly boot: BootFiles
  readonly bootLoader: BootLoader
  readonly packages: Packages
  readonly aptRuns: AptRuns
  readonly index: IndexStore
  readonly manifests: ManifestStore
  readonly journals: JournalDirectory
  readonly audit: AuditLog
  readonly reserve: SpaceReserve
  readonly describer: RootDescriber
  readonly rebootNote: RebootNote
  readonly loginMessage: LoginMessageFile
  readonly files: Files
  readonly lock: Lock
  readonly clock: Clock
  readonly log: Log
  readonly actor: Actor
  /** This boot of the machine, as the kernel names it; null for an appliance that is only mounted. */
  readonly bootId: string | null
  /** Whether that very process still runs. */
  readonly isAlive: (process: { readonly pid: number; readonly startTime: string }) => Promise<boolean>
  readonly power: Power
  /** Services of the machine that runs; null for an appliance that is only mounted. */
  readonly units: Units | null
  /** Null for an appliance that is only mounted. */
  readonly systemJournal: SystemJournal | null
  readonly foreignPrograms: ForeignPrograms
  readonly faults: FaultPoints
  /** Four random bytes in hex: makes plan ids of one second differ. */
  readonly randomHex: () => string
}
