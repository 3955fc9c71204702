#!/usr/bin/env node
// Runs belay from its sources.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../src/main.ts'
import { oclifSection } from '../src/oclif-section.ts'

const root = join(import.meta.dirname, '../src')
const { name, version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { name: string; version: string }
await main(process.argv.slice(2), { root, pjson: { name, version, oclif: oclifSection('ts') } })
