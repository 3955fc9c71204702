import { existsSync, readFileSync } from 'node:fs'
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

  it('goes with the licence of the Node that is packaged: its text is taken from that release', () => {
    expect(existsSync(join(CHECKOUT, 'debian/third-party/node', process.version, 'LICENSE')), process.version).toBe(true)
  })
})
