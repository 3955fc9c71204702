import { type BelayError, FailedError, ToolError } from '../../errors.ts'
import type { Runner, StreamOptions, ToolResult } from '../../sys/ports.ts'
import type { PackageChange, PackageWork } from '../packages.ts'
import { explainAptFailure } from './apt-failure.ts'
import { type ArchiveUri, parseArchiveUris } from './archive-uris.ts'
import { ConffileOutput } from './conffile-output.ts'
import { type SimulationOutput, parseSimulation } from './simulation-output.ts'
import { parseStatusLine } from './status-fd.ts'

const APT_GET = '/usr/bin/apt-get'
const APT_MARK = '/usr/bin/apt-mark'

/** Where archives are, whatever the configuration says: they are looked for there after the download. */
export const ARCHIVES = '/var/cache/apt/archives'

/** Whoever holds a lock is named at once; waiting is the operator's to decide. */
const NO_WAIT = ['-o', 'DPkg::Lock::Timeout=0', '-o', 'Acquire::Retries=1']
const CACHE = ['-o', `Dir::Cache::archives=${ARCHIVES}/`]
const STATUS = ['-o', 'APT::Status-Fd=3']

/**
 * confdef takes the default where there is one, and that is to keep: with it, confnew would never be reached (dpkg 1.21, src/main/configure.c). Files under ucf
 * follow variables of their own (ucf(1)).
 */
const CONFFILES = {
  keep: { options: ['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'], env: { UCF_FORCE_CONFFOLD: '1' } },
  new: { options: ['-o', 'Dpkg::Options::=--force-confnew'], env: { UCF_FORCE_CONFFNEW: '1' } },
} as const

/** BELAY_UPGRADE_RUNNING tells belay's own hooks in /etc/kernel and apt.conf.d that this run has its restore point. */
const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', APT_LISTCHANGES_FRONTEND: 'none', BELAY_UPGRADE_RUNNING: '1' }

/** What apt-get is asked for, by exact version. */
export interface Pins {
  readonly changes: readonly PackageChange[]
  /** The architecture that apt takes for granted. */
  readonly native: string
}

const targetOf = ({ name, arch, to }: PackageChange, native: string): string => {
  const qualified = arch === 'all' || arch === native ? name : `${name}:${arch}`
  return to === null ? `${qualified}-` : `${qualified}=${to}`
}

const installArguments = ({ changes, native }: Pins): string[] => {
  const has = (action: PackageChange['action']): boolean => changes.some((change) => change.action === action)
  return [
    ...(has('downgrade') ? ['--allow-downgrades'] : []),
    ...(has('reinstall') ? ['--reinstall'] : []),
    ...(has('remove') ? [] : ['--no-remove']),
    'install',
    '--',
    ...changes.map((change) => targetOf(change, native)),
  ]
}

/** How an apt run ended. */
export interface AptRun {
  readonly status: number | null
  /** The last 64 KiB of it, as of standard error. */
  readonly stdout: string
  readonly stderr: string
  /** dpkg was started: from here on, only a boot of the standby takes it back. */
  readonly dpkgBegan: boolean
  readonly errors: readonly { readonly package: string; readonly text: string }[]
}

/** apt-get, by way of a runner that may enter a root directory. */
export class AptGet {
  readonly #runner: Runner

  constructor(runner: Runner) {
    this.#runner = runner
  }

  async update({ onProgress, signal }: PackageWork): Promise<void> {
    // Without --error-on=any a list that could not be fetched is a warning, and the old list is used.
    await this.#fetch('apt-get update', ['--quiet', ...NO_WAIT, ...STATUS, '--error-on=any', 'update'], { onProgress, signal }, false)
  }

  /** A whole upgrade that may add packages and removes none. */
  simulateUpgrade(): Promise<SimulationOutput> {
    return this.#simulate(['--with-new-pkgs', 'upgrade'], false)
  }

  /** A whole upgrade that may remove what stands in its way. */
  simulateFullUpgrade(): Promise<SimulationOutput> {
    return this.#simulate(['dist-upgrade'], false)
  }

  /** `targets` are requests that parsePackageRequest let through. */
  simulateInstall(targets: readonly string[]): Promise<SimulationOutput> {
    return this.#simulate([...(targets.some((target) => target.includes('=')) ? ['--allow-downgrades'] : []), 'install', '--', ...targets], false)
  }

  /** Exactly these versions. @throws ChangedError when one is no longer there, RefusedError when they cannot be had together. */
  simulatePins(pins: Pins): Promise<SimulationOutput> {
    return this.#simulate(installArguments(pins), true)
  }

  /** Where the archives come from; those that are in the cache already are left out unless all are asked for. */
  async uris(pins: Pins, { all }: { readonly all: boolean }): Promise<ArchiveUri[]> {
    const cache = all ? ['-o', 'Dir::Cache::archives=/nonexistent/'] : CACHE
    return parseArchiveUris(
      (await this.#read('apt-get --print-uris', ['--print-uris', '--quiet=2', '--yes', ...cache, ...installArguments(pins)], true)).stdout,
    )
  }

  async download(pins: Pins, work: PackageWork): Promise<void> {
    await this.#fetch('the download', ['--quiet', '--yes', '--download-only', ...NO_WAIT, ...CACHE, ...STATUS, ...installArguments(pins)], work, true)
  }

  /** Never throws for what apt or a package did: the caller must know first whether dpkg had begun. */
  async install(pins: Pins, conffiles: 'keep' | 'new', { onProgress, signal, onConffile }: PackageWork): Promise<AptRun> {
    const { options, env } = CONFFILES[conffiles]
    const output = new ConffileOutput()
    const errors: { package: string; text: string }[] = []
    let dpkgBegan = false
    const stream: StreamOptions = {
      env: { ...ENVIRONMENT, ...env },
      signal,
      ownGroup: true,
      expect: [0, 100],
      onLine: (line) => {
        const outcome = output.push(line)
        if (outcome !== null) onConffile?.(outcome)
      },
      onStatusLine: (line) => {
        const status = parseStatusLine(line)
        if (status?.kind === 'error') errors.push({ package: status.package, text: status.text })
        if (status?.kind !== 'dpkg') return
        dpkgBegan = true
        onProgress(status.fraction, status.text)
      },
    }
    const ended = await this.#streamToEnd(['--quiet', '--yes', ...NO_WAIT, ...CACHE, ...STATUS, ...options, ...installArguments(pins)], stream)
    return { ...ended, dpkgBegan, errors }
  }

  /** Which of these nobody asked for, as apt remembers it. */
  async automaticAmong(changes: readonly PackageChange[], native: string): Promise<PackageChange[]> {
    const { stdout } = await this.#runner.run(APT_MARK, ['showauto'])
    const names = new Set(stdout.split('\n'))
    return changes.filter((change) => names.has(targetOf({ ...change, to: null }, native).slice(0, -1)))
  }

  /** Packages that nobody asked for, so that apt may remove them when nothing needs them any more. */
  async markAutomatic(changes: readonly PackageChange[], native: string): Promise<void> {
    if (changes.length === 0) return
    await this.#runner.run(APT_MARK, ['auto', '--', ...changes.map((change) => targetOf({ ...change, to: null }, native).slice(0, -1))])
  }

  async #streamToEnd(args: readonly string[], options: StreamOptions): Promise<{ status: number | null; stdout: string; stderr: string }> {
    try {
      const { status, stdout, stderr } = await this.#runner.stream(APT_GET, args, options)
      return { status, stdout, stderr }
    } catch (error) {
      if (error instanceof ToolError) return { status: error.status, stdout: '', stderr: error.stderr }
      throw error
    }
  }

  async #simulate(args: readonly string[], pinned: boolean): Promise<SimulationOutput> {
    return parseSimulation((await this.#read('apt-get --simulate', ['--simulate', '--yes', ...args], pinned)).stdout)
  }

  async #read(doing: string, args: readonly string[], pinned: boolean): Promise<ToolResult> {
    const result = await this.#runner.run(APT_GET, args, { expect: [0, 100], env: ENVIRONMENT })
    if (result.status !== 0) throw explainAptFailure({ stderr: result.stderr, doing, pinned })
    return result
  }

  async #fetch(doing: string, args: readonly string[], { onProgress, signal }: PackageWork, pinned: boolean): Promise<void> {
    const aborted = (): boolean => signal.aborted
    if (aborted()) throw interrupted(doing)
    const { status, stderr } = await this.#streamToEnd(args, {
      env: ENVIRONMENT,
      signal,
      ownGroup: true,
      expect: [0, 100],
      onStatusLine: (line) => {
        const parsed = parseStatusLine(line)
        if (parsed?.kind === 'download') onProgress(parsed.fraction, parsed.text)
      },
    })
    if (status === 0) return
    throw aborted() ? interrupted(doing) : explainAptFailure({ stderr, doing, pinned })
  }
}

const interrupted = (doing: string): BelayError => new FailedError('interrupted', `${doing} was interrupted`, { rebootRequired: false })
