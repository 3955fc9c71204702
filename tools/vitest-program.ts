import { join } from 'node:path'

/** Vitest of this checkout, to be run by the Node that runs now: the one that its own first line finds in PATH may be too old. */
export const VITEST = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
