import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'

const APT_GET = '/usr/bin/apt-get'
const APT_CACHE = '/usr/bin/apt-cache'

/** apt with lists, cache and sources of its own. */
export interface IsolatedApt {
  /** Downloads packages (names, or `name=version`) into an empty directory. @returns paths of the .deb files, sorted */
  download(names: readonly string[], into: string): Promise<string[]>
  /** Names of the packages and everything that they need and that is not installed, recommendations left out. */
  closure(names: readonly string[]): Promise<string[]>
  /** Names that the newest version of a package depends on; empty when there is no such package. */
  dependencies(name: string): Promise<string[]>
}

/**
 * @param sources lines of a sources.list
 * @param root whose packages are installed as far as it is concerned; without it, none are
 */
export async function createIsolatedApt(directory: string, sources: readonly string[], root: string | null = null): Promise<IsolatedApt> {
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'etc/apt.conf.d', 'etc/preferences.d']) {
    await mkdir(join(directory, path), { recursive: true })
  }
  const configuration = join(directory, 'apt.conf')
  const settings = {
    'Dir::State': join(directory, 'state'),
    'Dir::State::status': join(directory, 'state/status'),
    'Dir::Cache': join(directory, 'cache'),
    'Dir::Etc': join(directory, 'etc'),
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  }
  await writeFile(configuration, [...Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`), 'APT::Architectures { "amd64"; };\n'].join(''))
  if (root === null) await writeFile(join(directory, 'state/status'), '')
  else await copyFile(join(root, 'var/lib/dpkg/status'), join(directory, 'state/status'))
  await writeFile(join(directory, 'etc/sources.list'), sources.map((line) => `${line}\n`).join(''))
  const env = { APT_CONFIG: configuration }
  await runTool(APT_GET, ['update'], { env })
  return {
    async download(names, into) {
      await mkdir(into, { recursive: true })
      await runTool(APT_GET, ['download', '--', ...names], { env, cwd: into })
      return (await readdir(into))
        .filter((name) => name.endsWith('.deb'))
        .sort()
        .map((name) => join(into, name))
    },
    async closure(names) {
      const { stdout } = await runTool(APT_GET, ['install', '--simulate', '--no-install-recommends', '--', ...names], { env })
      return parseSimulatedInstalls(stdout)
    },
    async dependencies(name) {
      const { stdout } = await runTool(APT_CACHE, ['show', '--no-all-versions', '--', name], { env, expect: [0, 100] })
      const field = /^Depends: (.*)$/m.exec(stdout)?.[1] ?? ''
      return field.split(',').flatMap((dependency) => /^\s*([a-z0-9][a-z0-9.+-]+)/.exec(dependency)?.[1] ?? [])
    },
  }
}

/** Package names from the `Inst` lines of apt-get --simulate, sorted. */
function parseSimulatedInstalls(text: string): string[] {
  return [...text.matchAll(/^Inst (\S+) /gm)].flatMap(([, name]) => (name === undefined ? [] : [name])).sort()
}
