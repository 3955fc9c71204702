import type { Files, Runner } from '../../sys/ports.ts'
import type { StageOwner } from '../packages.ts'
import type { SourceFileChange } from '../release/source-change.ts'
import { changeSourceFiles, sourcesAside, writeSourcesAside } from './source-files.ts'
import { statInside } from './stat-inside.ts'

/** In the root, where apt's own user may go too, which fetches the lists. */
const PLACE = '/var/lib/apt'
const LISTS = `${PLACE}/lists`
const NAME = /^belay-(\d+)-(\d+)$/
const READ_BY_APT: ReadonlySet<string> = new Set(['/usr/bin/apt-get', '/usr/bin/apt-cache'])
/** apt's own, and no lists. */
const NOT_LISTS: ReadonlySet<string> = new Set(['lock', 'partial', 'auxfiles'])
/** What apt would build from other sources must not take the place of its caches; translations are only for people, and come with the next refresh. */
const NO_CACHES = ['-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache=', '-o', 'Acquire::Languages=none']

interface StageOptions {
  readonly files: Files
  /** Runs tools in the root. */
  readonly inside: Runner
  readonly root: string
  readonly changes: readonly SourceFileChange[]
  readonly owner: StageOwner
}

/**
 * Sources beside those in use. At first their lists are beside those in use too. Once these were given to apt, the sources are on disk only while apt runs: a restore
 * point that is taken then holds nothing of them. Once the sources are in place, apt runs as it always does.
 */
export class SourceStage {
  readonly #files: Files
  readonly #root: string
  readonly #changes: readonly SourceFileChange[]
  readonly #owner: StageOwner
  readonly #directory: string
  readonly runner: Runner
  #phase: 'lists aside' | 'lists kept' | 'in place' = 'lists aside'
  #users = 0

  constructor({ files, inside, root, changes, owner }: StageOptions) {
    this.#files = files
    this.#root = root === '/' ? '' : root
    this.#changes = changes
    this.#owner = owner
    this.#directory = `${PLACE}/belay-${String(owner.pid)}-${owner.startTime}`
    this.runner = {
      run: (tool, args, options) => this.#around(tool, args, (staged) => inside.run(tool, staged, options)),
      stream: (tool, args, options) => this.#around(tool, args, (staged) => inside.stream(tool, staged, options)),
    }
  }

  /** Take away what killed ones left, and make room for this one. @throws RefusedError when a symbolic link leads out of a mounted root. */
  async open(): Promise<void> {
    // The places of a running system are its own; those of a mounted one may be anybody's.
    if (this.#root !== '') await statInside(this.#files, this.#root, LISTS)
    for (const name of await this.#files.list(`${this.#root}${PLACE}`)) {
      const [, pid, startTime] = NAME.exec(name) ?? []
      if (pid === undefined || startTime === undefined || (await this.#owner.isAlive({ pid: Number(pid), startTime }))) continue
      await this.#files.remove(`${this.#root}${PLACE}/${name}`)
    }
    await this.#files.makeDirectory(`${this.#root}${this.#directory}/lists/partial`, 0o755)
  }

  async keepLists(): Promise<void> {
    const lists = `${this.#root}${this.#directory}/lists`
    for (const name of await this.#files.list(lists)) {
      if (NOT_LISTS.has(name)) continue
      await this.#files.copy(`${lists}/${name}`, `${this.#root}${LISTS}/${name}`, 0o644)
      await this.#files.remove(`${lists}/${name}`)
    }
    this.#phase = 'lists kept'
    await this.discard()
  }

  async putInPlace(changes: readonly SourceFileChange[]): Promise<void> {
    await changeSourceFiles(this.#files, this.#root === '' ? '/' : this.#root, changes)
    this.#phase = 'in place'
  }

  discard(): Promise<void> {
    return this.#files.remove(`${this.#root}${this.#directory}`)
  }

  async #around<Result>(tool: string, args: readonly string[], work: (args: readonly string[]) => Promise<Result>): Promise<Result> {
    if (this.#phase === 'in place' || !READ_BY_APT.has(tool)) return work(args)
    this.#users += 1
    try {
      await writeSourcesAside(this.#files, this.#root === '' ? '/' : this.#root, this.#changes, this.#directory)
      const lists = this.#phase === 'lists aside' ? ['-o', `Dir::State::lists=${this.#directory}/lists`] : []
      return await work([...sourcesAside(this.#directory), ...lists, ...NO_CACHES, ...args])
    } finally {
      this.#users -= 1
      if (this.#phase === 'lists kept' && this.#users === 0) await this.discard()
    }
  }
}
