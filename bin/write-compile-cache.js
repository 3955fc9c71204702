// Run by the package when it is configured: compiles every module of belay once, so that no start of belay has to. The cache appears whole or not at all.
import { globSync, renameSync, rmSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { directory, enableIn } from './compile-cache.js'

const fresh = `${directory}.new`
rmSync(fresh, { recursive: true, force: true })
const { message } = enableIn(fresh)
if (message !== undefined) throw new Error(message)
const dist = join(import.meta.dirname, '../dist')
for (const module of globSync('**/*.js', { cwd: dist })) await import(join(dist, module))
flushCompileCache()
rmSync(directory, { recursive: true, force: true })
renameSync(fresh, directory)
