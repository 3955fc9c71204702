import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Output that was recorded from apt 3.0.3, dpkg 1.22 and debconf 1.5 on Debian 13. */
export const readFixture = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/pkg', name), 'utf8')
