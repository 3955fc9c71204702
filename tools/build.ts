// Builds belay into dist.
import { join } from 'node:path'
import { buildProgram } from './build-program.ts'

await buildProgram(join(import.meta.dirname, '../dist'))
