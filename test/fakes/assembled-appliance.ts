import { noBootLoader } from '../../src/boot/boot-loader.ts'
import type { Appliance } from '../../src/operations/appliance.ts'
import { parseDataFormat } from '../../src/pkg/data-format.ts'
import { summarisePackages } from '../../src/pkg/package-summary.ts'
import { AuditLog } from '../../src/snap/audit-log.ts'
import { IndexStore } from '../../src/snap/index-store.ts'
import { JournalDirectory } from '../../src/snap/journal.ts'
import { createLoginMessageFile } from '../../src/snap/login-message-file.ts'
import { ManifestStore } from '../../src/snap/manifest-store.ts'
import { SpaceReserve } from '../../src/snap/space-reserve.ts'
import { MemoryAptRuns } from './memory-apt-runs.ts'
import { MemorySystemJournal } from './memory-system-journal.ts'
import { MemoryLock } from './memory-lock.ts'
import { FORMAT_FILE, type SmallPackages } from './small-packages.ts'

type Given =
  'target' | 'stateDirectory' | 'policy' | 'driver' | 'boot' | 'files' | 'clock' | 'log' | 'bootId' | 'units' | 'power' | 'faults' | 'randomHex' | 'rebootNote'

/** What a process of belay works with, on small packages and these parts. @param processNumber tells it from others: it is its pid too */
export const assembleAppliance = (
  parts: Pick<Appliance, Given> &
    Partial<Pick<Appliance, 'aptRuns'>> & { readonly packages: SmallPackages; readonly processNumber: number; readonly runDirectory: string | null },
): Appliance => {
  const { files, driver, boot, packages, stateDirectory, processNumber, runDirectory } = parts
  return {
    aptRuns: new MemoryAptRuns(files, parts.target.root),
    ...parts,
    policyProblem: null,
    bootLoader: noBootLoader,
    index: new IndexStore(files, stateDirectory),
    manifests: new ManifestStore(files, stateDirectory),
    journals: new JournalDirectory(files, stateDirectory),
    audit: new AuditLog(files, stateDirectory),
    reserve: new SpaceReserve(driver, boot),
    describer: {
      async describe(rootDirectory) {
        const installed = await packages.installed(rootDirectory)
        const format = await files.readText(`${rootDirectory}${FORMAT_FILE}`)
        return { installed, packages: summarisePackages(installed, ['gateway']), dataFormat: parseDataFormat(format, FORMAT_FILE) }
      },
    },
    systemJournal: new MemorySystemJournal(),
    foreignPrograms: { run: () => Promise.resolve({ status: null, late: false, lines: ['there are no programs in memory'] }) },
    loginMessage: createLoginMessageFile(files, runDirectory),
    lock: new MemoryLock(),
    actor: { uid: 0, user: 'root', pid: 1000 + processNumber, startTime: String(processNumber), terminal: false },
    isAlive: () => Promise.resolve(false),
  }
}
