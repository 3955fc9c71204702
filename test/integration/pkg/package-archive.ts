import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { poolFile, type RepositoryServer, serveRepository } from '../../../demo/vendor/repository-server.ts'
import type { CataloguePackage } from '../../contract/packages-catalogue.ts'

/** The seconds that a slow postinst takes: long enough to be interrupted in it. */
const SLOW_SECONDS = 2

const controlOf = ({ name, version, depends = [], conflicts = [] }: CataloguePackage): string =>
  [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Acme <packages@acme.example>',
    'Installed-Size: 16',
    ...(depends.length > 0 ? [`Depends: ${depends.join(', ')}`] : []),
    ...(conflicts.length > 0 ? [`Conflicts: ${conflicts.join(', ')}`] : []),
    `Description: package ${name} for tests`,
    '',
  ].join('\n')

const postinstOf = ({ records, postinst }: CataloguePackage): string | null => {
  const body = [
    ...(records === undefined ? [] : ['. /usr/share/debconf/confmodule', `db_get ${records.question}`, `echo "$RET" >${records.path}`]),
    ...(postinst === 'fails' ? ['exit 7'] : []),
    ...(postinst === 'slow' ? [`sleep ${String(SLOW_SECONDS)}`] : []),
  ]
  return body.length === 0 ? null : `#!/bin/sh\nset -e\n${body.join('\n')}\n`
}

const templatesOf = ({ questions = [] }: CataloguePackage): string =>
  questions
    .map((question) =>
      [
        `Template: ${question.question}`,
        `Type: ${question.type}`,
        ...(question.type === 'select' ? ['Choices: bridge, router'] : []),
        ...(question.default === undefined ? [] : [`Default: ${question.default}`]),
        `Description: ${question.description}`,
        ' More about it.',
        '',
      ].join('\n'),
    )
    .join('\n')

const configOf = ({ questions = [] }: CataloguePackage): string =>
  ['#!/bin/sh', 'set -e', '. /usr/share/debconf/confmodule', ...questions.map(({ question }) => `db_input high ${question} || true`), 'db_go || true', ''].join(
    '\n',
  )

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(path, text)
  await chmod(path, 0o755)
}

/** Builds a .deb. @returns its path */
async function buildPackage(entry: CataloguePackage, staging: string, pool: string): Promise<string> {
  const tree = join(staging, `${entry.name}_${entry.version}`)
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  await writeFile(join(tree, 'DEBIAN/control'), controlOf(entry))
  for (const [path, content] of Object.entries({ ...entry.conffiles, ...entry.files })) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), content)
  }
  if (entry.conffiles !== undefined)
    await writeFile(
      join(tree, 'DEBIAN/conffiles'),
      Object.keys(entry.conffiles)
        .map((path) => `${path}\n`)
        .join(''),
    )
  if (entry.questions !== undefined) {
    await writeFile(join(tree, 'DEBIAN/templates'), templatesOf(entry))
    await writeProgram(join(tree, 'DEBIAN/config'), configOf(entry))
  }
  const postinst = postinstOf(entry)
  if (postinst !== null) await writeProgram(join(tree, 'DEBIAN/postinst'), postinst)
  const archive = join(pool, `${entry.name}_${entry.version}_all.deb`)
  await runTool('/usr/bin/dpkg-deb', ['-Zgzip', '-z1', '--root-owner-group', '--build', '--', tree, archive])
  return archive
}

const indexEntry = async (entry: CataloguePackage, archive: string): Promise<string> => {
  const content = await readFile(archive)
  return `${controlOf(entry)}Filename: pool/${entry.name}_${entry.version}_all.deb\nSize: ${String(content.length)}\nSHA256: ${createHash('sha256').update(content).digest('hex')}\n`
}

/** Of the flat archive, and of its suites. */
const INDEXES = new Set(['Packages', 'bookworm/Packages', 'trixie/Packages'])

export interface PackagePool {
  /** Serves what the pool has; every server has an offer of its own. */
  serve: () => Promise<{ readonly server: RepositoryServer; readonly withdraw: (name: string, version: string) => void }>
}

/** Builds all packages once, into `directory`/pool. */
export async function buildPool(catalogue: readonly CataloguePackage[], directory: string): Promise<PackagePool> {
  const pool = join(directory, 'pool')
  await mkdir(pool, { recursive: true })
  const entries = new Map<string, { readonly index: string; readonly text: string }>()
  for (const entry of catalogue) {
    const text = await indexEntry(entry, await buildPackage(entry, join(directory, 'staging'), pool))
    entries.set(`${entry.name}=${entry.version}`, { index: entry.suite === undefined ? 'Packages' : `${entry.suite}/Packages`, text })
  }
  return {
    async serve() {
      const offered = new Map(entries)
      const server = await serveRepository((path) => {
        if (INDEXES.has(path))
          return {
            text: [...offered.values()]
              .filter(({ index }) => index === path)
              .map(({ text }) => text)
              .join('\n'),
          }
        const file = poolFile(directory, path)
        return file === null ? null : { file }
      }, 0)
      return {
        server,
        withdraw: (name, version) => {
          offered.delete(`${name}=${version}`)
        },
      }
    },
  }
}
