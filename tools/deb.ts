// Builds the Debian package into build/.
import { statSync } from 'node:fs'
import { buildDebianPackage } from './build-package.ts'

const path = await buildDebianPackage()
console.log(`${path}: ${(statSync(path).size / 1e6).toFixed(1)} MB`)
