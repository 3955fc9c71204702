// Writes the files that are generated from the sources, or with --check fails when one in the checkout is not what would be written.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { publishedSchemas } from '../src/json-schemas.ts'

/** One committed file and where its text comes from. */
interface Generated {
  /** Below the checkout's root. */
  readonly path: string
  readonly text: () => string | Promise<string>
}

const GENERATED: readonly Generated[] = [...publishedSchemas()].map(([path, text]) => ({ path, text: () => text }))

const root = join(import.meta.dirname, '..')
const check = process.argv.includes('--check')
const stale: string[] = []

for (const { path, text } of GENERATED) {
  const wanted = await text()
  const file = join(root, path)
  if (currentText(file) === wanted) continue
  stale.push(path)
  if (check) continue
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, wanted)
  console.log(`wrote ${path}`)
}
if (check && stale.length > 0) {
  console.error(`Not up to date: ${stale.join(', ')}\nRun: npm run gen`)
  process.exitCode = 1
}

function currentText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
