#!/usr/bin/env node
import { readFileSync } from 'node:fs'

const dist = new URL('../dist/', import.meta.url)
if (process.argv[2] === '--version') {
  // Answered without loading oclif, in oclif's words.
  const { name, version } = JSON.parse(readFileSync(new URL('package.json', dist), 'utf8'))
  console.log(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}`)
} else {
  const { useIfMade } = await import('./compile-cache.js')
  useIfMade()
  const { main } = await import(new URL('main.js', dist).href)
  await main(process.argv.slice(2), { root: import.meta.dirname.replace(/bin$/, 'dist') })
}
