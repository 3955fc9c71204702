import type { InstalledPackage } from '../pkg/packages.ts'
import type { PackageSummary } from './model.ts'

export interface RootDescription {
  readonly installed: readonly InstalledPackage[]
  readonly packages: PackageSummary
  readonly dataFormat: string | null
}

/** Reads from a root directory which packages and which data format it has; the directory may be a read-only snapshot. */
export interface RootDescriber {
  describe(rootDirectory: string): Promise<RootDescription>
}
