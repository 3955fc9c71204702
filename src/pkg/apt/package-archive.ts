import { FailedError, ToolError } from '../../errors.ts'
import type { Runner } from '../../sys/ports.ts'
import { parseMd5sums } from './md5sum.ts'

const DPKG_DEB = '/usr/bin/dpkg-deb'

/** `      43 bytes,     2 lines      conffiles`, with `*` in front of the name of a program. */
const MEMBER = /^\s+\d+ bytes,\s+\d+ lines\s+(?:\* +)?(\S+)/

/** Names in the control archive, from the output of `dpkg-deb --info`. */
export const parseControlMembers = (text: string): Set<string> =>
  new Set(
    text.split('\n').flatMap((line) => {
      const [, name] = MEMBER.exec(line) ?? []
      return name === undefined ? [] : [name]
    }),
  )

/** Downloaded .deb files, read without installing them. `readDeb` is the path of libexec/read-deb. */
export class PackageArchives {
  readonly #runner: Runner
  readonly #readDeb: string
  readonly #members = new Map<string, ReadonlySet<string>>()

  constructor(runner: Runner, readDeb: string) {
    this.#runner = runner
    this.#readDeb = readDeb
  }

  /** A file of the control archive; null when it has none of that name. */
  async controlFile(archive: string, name: 'conffiles' | 'md5sums' | 'templates'): Promise<string | null> {
    if (!(await this.#controlMembers(archive)).has(name)) return null
    return this.#reading(archive, async () => (await this.#runner.run(DPKG_DEB, ['--info', archive, name])).stdout)
  }

  /** Absolute paths of the configuration files that it ships; those that dpkg removes on upgrade are not among them. */
  async conffiles(archive: string): Promise<string[]> {
    const text = (await this.controlFile(archive, 'conffiles')) ?? ''
    return text.split('\n').flatMap((line) => (line.startsWith('/') ? [line.trimEnd()] : []))
  }

  /** MD5 in hex of files that it ships, by path. */
  async digests(archive: string, paths: readonly string[]): Promise<Map<string, string>> {
    if (paths.length === 0) return new Map()
    const { stdout } = await this.#reading(archive, () => this.#runner.run(this.#readDeb, ['digest', archive, ...paths], { expect: [0, 2] }))
    return parseMd5sums(stdout)
  }

  async extract(archive: string, directory: string, paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return
    await this.#reading(archive, () => this.#runner.run(this.#readDeb, ['extract', archive, directory, ...paths], { expect: [0, 2] }))
  }

  /** The text of one file; null when the package does not ship it. */
  async print(archive: string, path: string): Promise<string | null> {
    const { status, stdout } = await this.#reading(archive, () => this.#runner.run(this.#readDeb, ['print', archive, path], { expect: [0, 2] }))
    return status === 0 ? stdout : null
  }

  /** Asked once for each archive: most have neither conffiles nor templates. */
  async #controlMembers(archive: string): Promise<ReadonlySet<string>> {
    const known = this.#members.get(archive)
    if (known !== undefined) return known
    const { stdout } = await this.#reading(archive, () => this.#runner.run(DPKG_DEB, ['--info', archive]))
    const members = parseControlMembers(stdout)
    this.#members.set(archive, members)
    return members
  }

  async #reading<T>(archive: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      throw new FailedError('package-unreadable', `${archive} cannot be read: ${error.stderr.trim().slice(-500)}`, {
        rebootRequired: false,
        next: ['apt-get clean   # so that it is downloaded again'],
        data: { archive },
        cause: error,
      })
    }
  }
}
