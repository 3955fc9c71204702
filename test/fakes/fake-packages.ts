import { createHash } from 'node:crypto'
import { ChangedError, FailedError, LockedError, NotFoundError, RefusedError } from '../../src/errors.ts'
import { decideConffiles } from '../../src/pkg/conffile-decisions.ts'
import { decideDebconf, parseDebconfDatabase } from '../../src/pkg/debconf-decisions.ts'
import { findDpkgProblems } from '../../src/pkg/dpkg-problems.ts'
import { installedPackages, parseDpkgStatus, type PackageStatus } from '../../src/pkg/dpkg-status.ts'
import { DEFAULTS_INDEX, type KeptDefaults } from '../../src/pkg/kept-defaults.ts'
import { orderRuns, prefixesOf, proposeRuns, sameChanges } from '../../src/pkg/order-runs.ts'
import { changeSourceFiles, readSourceFiles } from '../../src/pkg/apt/source-files.ts'
import { parsePackageRequest } from '../../src/pkg/package-name.ts'
import type {
  DebconfAnswer,
  DpkgProblem,
  DpkgState,
  InstalledPackage,
  PackageChange,
  PackageDecision,
  PackageRun,
  Packages,
  PackageWork,
  ReleaseFacts,
  Simulation,
  StagedPackages,
} from '../../src/pkg/packages.ts'
import { parseOsRelease } from '../../src/pkg/release/debian-releases.ts'
import { changedText, type SourceFileChange } from '../../src/pkg/release/source-change.ts'
import type { Files } from '../../src/sys/ports.ts'
import type { CataloguePackage } from '../contract/packages-catalogue.ts'
import { resolvePackages, type Wish } from './package-solver.ts'

const STATUS = '/var/lib/dpkg/status'
const DEBCONF = '/var/cache/debconf/config.dat'
const URI = 'http://127.0.0.1:1/'
const ARCHIVE_BYTES = 1000

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

interface FakePackagesOptions {
  readonly files: Files
  /** Its state is kept there in dpkg's own format, so that snapshots of the root carry it along. */
  readonly root: string
  readonly archive: readonly CataloguePackage[]
  readonly policy?: { readonly conffiles: 'keep' | 'new'; readonly debconf: readonly DebconfAnswer[] }
  /** Changes to its sources that are not in place. */
  readonly staged?: readonly SourceFileChange[]
}

/** apt and dpkg in memory: a catalogue of versions, a small solver, and files in a root. */
export class FakePackages implements Packages {
  readonly #files: Files
  readonly #root: string
  readonly #policy: NonNullable<FakePackagesOptions['policy']>
  readonly #catalogue: readonly CataloguePackage[]
  /** What the last refresh saw; what is offered may have less since. */
  #lists: readonly CataloguePackage[]
  #offered: readonly CataloguePackage[]
  #staged: readonly SourceFileChange[]
  readonly #downloaded = new Set<string>()
  online = true
  lockHolder: number | null = null

  constructor({ files, root, archive, policy = { conffiles: 'keep', debconf: [] }, staged = [] }: FakePackagesOptions) {
    this.#files = files
    this.#root = root
    this.#catalogue = archive
    this.#lists = archive
    this.#offered = archive
    this.#policy = policy
    this.#staged = staged
  }

  /** Fill a root as an installer does. */
  async install(references: readonly string[]): Promise<void> {
    await this.#write(STATUS, '')
    for (const reference of ['debconf=1', ...references]) {
      const [name = '', version = ''] = reference.split('=', 2)
      await this.#unpack(this.#inArchive(name, version) ?? { name, version }, 'installed', 'keep', () => undefined)
    }
  }

  withdraw(name: string, version: string): void {
    this.#offered = this.#offered.filter((entry) => entry.name !== name || entry.version !== version)
  }

  /** Leave dpkg as a power cut does. */
  async interrupt(): Promise<void> {
    await this.#write('/var/lib/dpkg/updates/0001', '')
  }

  async state(): Promise<DpkgState> {
    const { lockHolder } = this
    return { problems: await this.#problems(lockHolder === null ? null : { pid: lockHolder, command: 'apt-get' }), lockHolder }
  }

  async #problems(lockHolder: { readonly pid: number; readonly command: string } | null): Promise<readonly DpkgProblem[]> {
    const updates = `${this.#root}/var/lib/dpkg/updates`
    const names = (await this.#files.stat(updates)) === null ? [] : await this.#files.list(updates)
    return findDpkgProblems({ entries: await this.#status(), updates: names, lockHolder, audit: '' }, (command) => command)
  }

  async installed(rootDirectory: string = this.#root): Promise<readonly InstalledPackage[]> {
    return installedPackages(parseDpkgStatus(await this.#files.readText(`${rootDirectory}${STATUS}`)))
  }

  refresh(work: PackageWork): Promise<void> {
    return Promise.resolve().then(() => {
      this.#reach(work.signal)
      this.#lists = this.#offered
    })
  }

  async simulate(requested: readonly string[]): Promise<Simulation> {
    const requests = requested.map(parsePackageRequest)
    const installed = await this.#versions()
    const lists = await this.#known()
    const wishes: Wish[] = requests.map(({ name, version }) => ({ name, version }))
    for (const { name, version } of wishes) {
      const known = lists.filter((entry) => entry.name === name)
      if (known.length === 0 && !installed.has(name)) throw new NotFoundError(`there is no package ${name} in the archives`)
      if (version !== null && !known.some((entry) => entry.version === version))
        throw new NotFoundError(`there is no version ${version} of ${name} in the archives`)
    }
    const resolved = resolvePackages(installed, lists, wishes.length === 0 ? null : wishes)
    if (resolved === null) throw new RefusedError('packages/no-solution', 'apt finds no way')
    const changes = changesBetween(
      installed,
      resolved,
      requests.map(({ name }) => name),
    )
    const bytes = ARCHIVE_BYTES * changes.filter(({ to }) => to !== null).length
    return { changes, keptBack: [], downloadBytes: bytes, diskBytes: 0, unpackedBytes: bytes }
  }

  async order({ changes }: Simulation): Promise<readonly PackageRun[]> {
    const proposed = proposeRuns(changes)
    return orderRuns(proposed, await Promise.all(prefixesOf(proposed).map((prefix) => this.#rehearse(prefix))))
  }

  async download(runs: readonly PackageRun[], { signal, onProgress }: PackageWork): Promise<void> {
    const lists = await this.#known()
    await Promise.resolve().then(() => {
      if (signal.aborted) throw interrupted(false)
      for (const { name, to } of installsOf(runs)) {
        if (!lists.some((entry) => entry.name === name && entry.version === to))
          throw new ChangedError(`there is no version ${String(to)} of ${name} in the archives any more`)
        this.#reach(signal)
        this.#downloaded.add(`${name}=${String(to)}`)
      }
      onProgress(1, 'downloaded')
    })
  }

  async decide(runs: readonly PackageRun[]): Promise<{ readonly decisions: readonly PackageDecision[]; readonly answers: readonly DebconfAnswer[] }> {
    const entries = this.#located(runs)
    const shipped = entries.flatMap((entry) =>
      Object.entries(entry.conffiles ?? {}).map(([path, text]) => ({ path, by: `${entry.name} ${entry.version}`, shipped: md5(text) })),
    )
    const recorded = await this.#recorded()
    const facts = []
    for (const file of shipped) {
      const text = await this.#read(file.path)
      facts.push({ ...file, recorded: recorded.get(file.path) ?? null, present: text === null ? null : md5(text) })
    }
    const templates = entries.map(({ name, questions = [] }) => ({
      package: name,
      templates: questions.map((question) => ({ ...question, default: question.default ?? null })),
    }))
    const debconf = decideDebconf(templates, parseDebconfDatabase((await this.#read(DEBCONF)) ?? ''), this.#policy.debconf)
    return { decisions: [...decideConffiles(facts, this.#policy.conffiles), ...debconf.decisions], answers: debconf.answers }
  }

  async keepDefaults(runs: readonly PackageRun[], directory: string): Promise<void> {
    const index: KeptDefaults = { format: 1, packages: {} }
    for (const { name, version, conffiles = {} } of this.#located(runs)) {
      for (const [path, text] of Object.entries(conffiles)) {
        await this.#files.makeDirectory(parentOf(`${directory}/${name}${path}`))
        await this.#files.writeAtomic(`${directory}/${name}${path}`, text)
      }
      index.packages[name] = { arch: 'all', version, files: Object.entries(conffiles).map(([path, text]) => ({ path, md5: md5(text) })) }
    }
    await this.#files.makeDirectory(directory)
    await this.#files.writeAtomic(`${directory}/${DEFAULTS_INDEX}`, JSON.stringify(index))
  }

  fileAfter(runs: readonly PackageRun[], path: string): Promise<string | null> {
    return Promise.resolve().then(() => {
      const shipping = this.#located(runs).find((entry) => entry.files?.[path] !== undefined)
      return shipping?.files?.[path] ?? null
    })
  }

  async preseed(answers: readonly DebconfAnswer[]): Promise<void> {
    for (const { question, value } of answers) await this.#answer(question, value, true)
  }

  async apply(run: PackageRun, conffiles: 'keep' | 'new', { signal, onProgress, onConffile }: PackageWork): Promise<void> {
    if (signal.aborted) throw interrupted(false)
    const now = await this.#rehearse(run.packages)
    if (now === null || !sameChanges(run.packages, now)) throw new ChangedError('apt would no longer do what was planned', { data: { dpkgBegan: false } })
    if (this.lockHolder !== null) throw new LockedError('another process uses the package system', { data: { dpkgBegan: false, pid: this.lockHolder } })
    if ((await this.state()).problems.some(({ code }) => code === 'interrupted'))
      throw new RefusedError('packages/interrupted', 'dpkg was interrupted', { data: { dpkgBegan: false } })
    for (const [position, change] of run.packages.entries()) {
      const done = (step: number): number => (position * 3 + step) / (run.packages.length * 3)
      if (change.to === null) {
        await this.#forget(change.name)
        continue
      }
      const entry = this.#inArchive(change.name, change.to)
      if (entry === null) throw new Error(`${change.name} ${change.to} is in no catalogue`)
      onProgress(done(1), `Unpacking ${change.name}`)
      onProgress(done(2), `Configuring ${change.name}`)
      await this.#unpack(entry, entry.postinst === 'fails' ? 'half-configured' : 'installed', conffiles, (path, outcome) => onConffile?.({ path, outcome }))
      if (entry.postinst === 'fails') {
        const errors = [{ package: change.name, text: 'its postinst returned exit status 7' }]
        throw new FailedError('packages-failed', `${change.name}: its postinst returned exit status 7`, {
          rebootRequired: true,
          data: { dpkgBegan: true, errors },
        })
      }
      onProgress(done(3), `Installed ${change.name}`)
    }
  }

  async verify(): Promise<void> {
    const problems = await this.#problems(null)
    if (problems.length > 0) throw new FailedError('packages-broken', problems.map(({ text }) => text).join('; '), { rebootRequired: true, data: { problems } })
  }

  rebootRequired(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async releaseFacts(): Promise<ReleaseFacts> {
    const [osRelease, sources, entries] = await Promise.all([this.#read('/usr/lib/os-release'), readSourceFiles(this.#files, this.#root), this.#status()])
    const namesOf = (which: 'held' | 'essential') => entries.filter((entry) => entry[which]).map(({ name }) => name)
    return { osRelease: parseOsRelease(osRelease ?? ''), sources, held: namesOf('held'), essential: namesOf('essential') }
  }

  async changeSources(changes: readonly SourceFileChange[]): Promise<void> {
    await changeSourceFiles(this.#files, this.#root, changes)
    this.#staged = []
  }

  stageSources(changes: readonly SourceFileChange[]): Promise<StagedPackages> {
    const staged = new FakePackages({ files: this.#files, root: this.#root, archive: this.#catalogue, policy: this.#policy, staged: changes })
    staged.#offered = this.#offered
    staged.online = this.online
    const nothing = (): Promise<void> => Promise.resolve()
    return Promise.resolve(Object.assign(staged, { keepLists: nothing, discard: nothing }))
  }

  /** What the lists have of the suites that the sources name. */
  async #known(): Promise<CataloguePackage[]> {
    const sources = await readSourceFiles(this.#files, this.#root)
    const texts = sources.map((file) => {
      const change = this.#staged.find(({ path }) => path === file.path)
      return change === undefined ? file.text : changedText(file, change)
    })
    return this.#lists.filter(({ suite }) => suite === undefined || texts.some((text) => text.includes(suite)))
  }

  #reach(signal: AbortSignal): void {
    if (signal.aborted) throw interrupted(false)
    if (!this.online)
      throw new FailedError('archive-unreachable', `${URI} cannot be fetched`, { rebootRequired: false, next: ['check the network'], data: { uri: URI } })
  }

  #inArchive(name: string, version: string): CataloguePackage | null {
    return this.#catalogue.find((entry) => entry.name === name && entry.version === version) ?? null
  }

  #located(runs: readonly PackageRun[]): CataloguePackage[] {
    return installsOf(runs).map(({ name, to }) => {
      const entry = this.#inArchive(name, String(to))
      if (entry === null || !this.#downloaded.has(`${name}=${String(to)}`))
        throw new FailedError('not-downloaded', `the archive of ${name} ${String(to)} is not here`, { rebootRequired: false })
      return entry
    })
  }

  /** What would change for exactly these versions; null when they cannot be had. */
  async #rehearse(changes: readonly PackageChange[]): Promise<PackageChange[] | null> {
    const installed = await this.#versions()
    const lists = await this.#known()
    const wishes = changes.filter(({ to }) => to !== null).map(({ name, to }) => ({ name, version: to }))
    if (wishes.some(({ name, version }) => !lists.some((entry) => entry.name === name && entry.version === version))) return null
    const resolved = resolvePackages(installed, lists, wishes)
    return resolved === null ? null : changesBetween(installed, resolved, [])
  }

  async #status() {
    return parseDpkgStatus(await this.#files.readText(`${this.#root}${STATUS}`))
  }

  async #versions(): Promise<Map<string, string>> {
    return new Map((await this.installed()).map(({ name, version }) => [name, version]))
  }

  async #recorded(): Promise<Map<string, string>> {
    return new Map((await this.#status()).flatMap((entry) => entry.conffiles.map(({ path, digest }) => [path, digest] as const)))
  }

  async #unpack(
    entry: CataloguePackage,
    status: PackageStatus,
    answer: 'keep' | 'new',
    onConffile: (path: string, outcome: 'kept' | 'replaced') => void,
  ): Promise<void> {
    const recorded = await this.#recorded()
    for (const [path, text] of Object.entries(entry.files ?? {})) await this.#write(path, text)
    for (const [path, text] of Object.entries(entry.conffiles ?? {})) {
      const present = await this.#read(path)
      const fact = { path, by: entry.name, shipped: md5(text), recorded: recorded.get(path) ?? null, present: present === null ? null : md5(present) }
      const asked = decideConffiles([fact], answer).length > 0
      if (asked) onConffile(path, answer === 'keep' ? 'kept' : 'replaced')
      const changedHereAlone = fact.recorded === fact.shipped && fact.present !== fact.recorded
      if (!changedHereAlone && !(asked && answer === 'keep')) await this.#write(path, text)
    }
    const database = parseDebconfDatabase((await this.#read(DEBCONF)) ?? '')
    for (const question of entry.questions ?? []) {
      if (!database.has(question.question)) await this.#answer(question.question, question.default ?? '', false)
    }
    const answers = parseDebconfDatabase((await this.#read(DEBCONF)) ?? '')
    if (entry.records !== undefined) await this.#write(entry.records.path, `${answers.get(entry.records.question)?.value ?? ''}\n`)
    const conffiles = Object.entries(entry.conffiles ?? {}).map(([path, text]) => ` ${path} ${md5(text)}\n`)
    await this.#forget(entry.name)
    const stanza = `Package: ${entry.name}\nStatus: install ok ${status}\nArchitecture: all\nVersion: ${entry.version}\n${conffiles.length > 0 ? `Conffiles:\n${conffiles.join('')}` : ''}`
    await this.#write(STATUS, `${(await this.#read(STATUS)) ?? ''}${stanza}\n`)
  }

  async #forget(name: string): Promise<void> {
    const stanzas = ((await this.#read(STATUS)) ?? '').split('\n\n').filter((text) => text.trim() !== '' && !text.startsWith(`Package: ${name}\n`))
    await this.#write(STATUS, stanzas.map((text) => `${text.trimEnd()}\n\n`).join(''))
  }

  async #answer(question: string, value: string, seen: boolean): Promise<void> {
    const stanzas = ((await this.#read(DEBCONF)) ?? '').split('\n\n').filter((text) => text.trim() !== '' && !text.startsWith(`Name: ${question}\n`))
    await this.#write(DEBCONF, [...stanzas, `Name: ${question}\nValue: ${value}${seen ? '\nFlags: seen' : ''}`].map((text) => `${text}\n\n`).join(''))
  }

  async #read(path: string): Promise<string | null> {
    return (await this.#files.stat(`${this.#root}${path}`)) === null ? null : this.#files.readText(`${this.#root}${path}`)
  }

  async #write(path: string, text: string): Promise<void> {
    await this.#files.makeDirectory(`${this.#root}${parentOf(path)}`, 0o755)
    await this.#files.writeAtomic(`${this.#root}${path}`, text, 0o644)
  }
}

const installsOf = (runs: readonly PackageRun[]): PackageChange[] => runs.flatMap((run) => run.packages).filter(({ to }) => to !== null)

const interrupted = (dpkgBegan: boolean): FailedError => new FailedError('interrupted', 'interrupted', { rebootRequired: dpkgBegan, data: { dpkgBegan } })

const changesBetween = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, requested: readonly string[]): PackageChange[] => {
  const removed = [...before]
    .filter(([name]) => !after.has(name))
    .map(([name, from]): PackageChange => ({ name, arch: 'all', from, to: null, action: 'remove' }))
  const rest = [...after]
    .filter(([name, version]) => before.get(name) !== version)
    .map(([name, to]): PackageChange => {
      const from = before.get(name) ?? null
      if (from === null) return { name, arch: 'all', from, to, action: 'install', ...(requested.includes(name) ? {} : { automatic: true }) }
      return { name, arch: 'all', from, to, action: Number(to) < Number(from) ? 'downgrade' : 'upgrade' }
    })
  return [...removed, ...rest]
}
