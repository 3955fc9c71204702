import { FailedError } from '../../src/errors.ts'
import { changeSourceFiles, readSourceFiles } from '../../src/pkg/apt/source-files.ts'
import type {
  DebconfAnswer,
  DpkgState,
  InstalledPackage,
  PackageChange,
  PackageDecision,
  PackageRun,
  Packages,
  ReleaseFacts,
  Simulation,
  StagedPackages,
} from '../../src/pkg/packages.ts'
import { parseOsRelease } from '../../src/pkg/release/debian-releases.ts'
import type { SourceFileChange } from '../../src/pkg/release/source-change.ts'
import type { Files } from '../../src/sys/ports.ts'

/** What the archives offer, and how its installation goes. */
export interface Offer {
  readonly kernel: boolean
  /** The data format of the new application, or null for the one that is there. */
  readonly dataFormat: string | null
  readonly failure: 'none' | 'before dpkg' | 'in dpkg' | 'half configured'
}

export const STATUS_FILE = '/var/lib/dpkg/status'
const CODENAMES = new Map([
  [12, 'bookworm'],
  [13, 'trixie'],
])
export const SOURCES_FILE = '/etc/apt/sources.list'
export const OS_RELEASE_FILE = '/usr/lib/os-release'
export const FORMAT_FILE = '/usr/share/gateway/data-format'

/** An application, a kernel and a release as packages whose whole content is their version. Installed packages are lines of `name arch version`. */
export class SmallPackages implements Packages {
  readonly #files: Files
  readonly #root: string
  offer: Offer | null = null

  constructor(files: Files, root: string) {
    this.#files = files
    this.#root = root
  }

  /** Fill a root as the installer does. */
  async install(root: string): Promise<void> {
    await this.#unpack(root, { kernel: true, dataFormat: '1.0.0' }, 1)
    await this.#write(`${root}${STATUS_FILE}`, 'base-files amd64 12\ngateway amd64 1\nlinux-image-6.1 amd64 1\n')
    await this.#write(`${root}${OS_RELEASE_FILE}`, 'ID=debian\nVERSION_CODENAME=bookworm\n')
    await this.#write(`${root}${SOURCES_FILE}`, 'deb http://archive.example/debian bookworm main\ndeb http://vendor.example ./\n')
  }

  async state(): Promise<DpkgState> {
    const isBroken = (await this.#files.readText(`${this.#root}${STATUS_FILE}`)).includes('half-configured')
    const problems = isBroken ? [{ code: 'interrupted', text: 'gateway is half configured', remedy: 'dpkg --configure -a' }] : []
    return { problems, lockHolder: null }
  }

  async installed(rootDirectory: string = this.#root): Promise<readonly InstalledPackage[]> {
    const text = await this.#files.readText(`${rootDirectory}${STATUS_FILE}`)
    return text.split('\n').flatMap((line) => {
      const [name, arch, version] = line.split(' ')
      return name === undefined || arch === undefined || version === undefined ? [] : [{ name, arch, version }]
    })
  }

  refresh(): Promise<void> {
    return Promise.resolve()
  }

  simulate(): Promise<Simulation> {
    return this.#simulation(false)
  }

  order(simulation: Simulation): Promise<readonly PackageRun[]> {
    return Promise.resolve(simulation.changes.map((change) => ({ label: change.name, packages: [change] })))
  }

  download(): Promise<void> {
    return Promise.resolve()
  }

  decide(): Promise<{ readonly decisions: readonly PackageDecision[]; readonly answers: readonly DebconfAnswer[] }> {
    return Promise.resolve({ decisions: [], answers: [] })
  }

  async keepDefaults(_runs: readonly PackageRun[], directory: string): Promise<void> {
    await this.#files.makeDirectory(directory)
    await this.#files.writeAtomic(`${directory}/app.conf`, 'listen = 80\n')
  }

  fileAfter(_runs: readonly PackageRun[], path: string): Promise<string | null> {
    return Promise.resolve(path === FORMAT_FILE ? (this.offer?.dataFormat ?? null) : null)
  }

  preseed(): Promise<void> {
    return Promise.resolve()
  }

  async apply(run: PackageRun): Promise<void> {
    const { offer } = this
    if (offer === null) throw new Error('nothing is offered')
    if (offer.failure === 'before dpkg') throw new FailedError('apt', 'apt could not begin', { rebootRequired: false, data: { dpkgBegan: false } })
    for (const change of run.packages) {
      const version = Number(change.to)
      await this.#setStatus(change, `${String(version)} half-configured`)
      if (change.name === 'base-files') await this.#write(`${this.#root}${OS_RELEASE_FILE}`, `ID=debian\nVERSION_CODENAME=${CODENAMES.get(version) ?? ''}\n`)
      else await this.#unpack(this.#root, { kernel: change.name.startsWith('linux'), dataFormat: change.name === 'gateway' ? offer.dataFormat : null }, version)
      if (offer.failure === 'in dpkg') throw new FailedError('apt', 'a maintainer script failed', { rebootRequired: false, data: { dpkgBegan: true } })
      if (offer.failure === 'none') await this.#setStatus(change, String(version))
    }
  }

  async verify(): Promise<void> {
    const { problems } = await this.state()
    if (problems.length > 0) throw new FailedError('packages', 'dpkg left a package half configured', { rebootRequired: false })
  }

  rebootRequired(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async releaseFacts(): Promise<ReleaseFacts> {
    const osRelease = parseOsRelease(await this.#files.readText(`${this.#root}${OS_RELEASE_FILE}`))
    return { osRelease, sources: await readSourceFiles(this.#files, this.#root), held: [], essential: ['base-files'] }
  }

  changeSources(changes: readonly SourceFileChange[]): Promise<void> {
    return changeSourceFiles(this.#files, this.#root, changes)
  }

  stageSources(): Promise<StagedPackages> {
    const staged = new SmallPackages(this.#files, this.#root)
    staged.offer = this.offer
    const nothing = (): Promise<void> => Promise.resolve()
    return Promise.resolve(Object.assign(staged, { simulate: () => staged.#simulation(true), keepLists: nothing, discard: nothing }))
  }

  async #simulation(release: boolean): Promise<Simulation> {
    const changes = this.offer === null ? [] : await this.#changes(this.offer, release)
    return { changes, keptBack: [], downloadBytes: 1000, diskBytes: 1000, unpackedBytes: 1000 }
  }

  async #changes(offer: Offer, release: boolean): Promise<PackageChange[]> {
    return (await this.installed())
      .filter(({ name }) => name === 'gateway' || (name === 'base-files' ? release : offer.kernel))
      .map(({ name, arch, version }) => ({ name, arch, from: version, to: String(Number.parseInt(version, 10) + 1), action: 'upgrade' }))
  }

  async #unpack(root: string, what: { readonly kernel: boolean; readonly dataFormat: string | null }, version: number): Promise<void> {
    if (what.kernel) {
      const name = `6.${String(version).padStart(3, '0')}`
      await this.#write(`${root}/boot/vmlinuz-${name}`, `kernel ${name}`)
      await this.#write(`${root}/boot/initrd.img-${name}`, `initrd ${name}`)
    } else await this.#write(`${root}/usr/bin/gateway`, `gateway ${String(version)}\n`)
    if (what.dataFormat !== null) await this.#write(`${root}${FORMAT_FILE}`, what.dataFormat)
  }

  async #setStatus(change: PackageChange, version: string): Promise<void> {
    const path = `${this.#root}${STATUS_FILE}`
    const lines = (await this.#files.readText(path)).split('\n').filter((line) => line !== '' && !line.startsWith(`${change.name} `))
    await this.#write(path, `${[...lines, `${change.name} ${change.arch} ${version}`].sort().join('\n')}\n`)
  }

  async #write(path: string, text: string): Promise<void> {
    await this.#files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755)
    await this.#files.writeAtomic(path, text, 0o644)
  }
}
