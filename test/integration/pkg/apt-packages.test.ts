import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CATALOGUE } from '../../contract/packages-catalogue.ts'
import { describePackagesContract } from '../../contract/packages-contract.ts'
import { openAptMachine } from './apt-machine.ts'
import { type DebianRoot, openDebianRoot, type Suite } from './debian-root.ts'
import { buildPool, type PackagePool } from './package-archive.ts'

const SUITES: readonly Suite[] = ['trixie', 'bookworm']

describe.each(SUITES)('on Debian %s', (suite) => {
  let debian: DebianRoot
  let pool: PackagePool
  let scratch: string

  beforeAll(async () => {
    debian = await openDebianRoot(suite)
    scratch = await mkdtemp(join(tmpdir(), 'belay-pool-'))
    pool = await buildPool(CATALOGUE, scratch)
  })

  afterAll(async () => {
    await debian.release()
    await rm(scratch, { recursive: true })
  })

  describePackagesContract('apt in a mounted root', (setup) => openAptMachine(debian, pool, setup))

  it('keeps what is marked as automatic, and marks what only others need', async () => {
    const machine = await openAptMachine(debian, pool, { installed: ['acme-tool=1', 'acme-lib=1'] })
    const work = { onProgress: () => undefined, signal: new AbortController().signal }
    try {
      await machine.inside('/usr/bin/apt-mark', ['auto', 'acme-lib'])
      for (const requested of [[], ['acme-new']]) {
        const runs = await machine.packages.order(await machine.packages.simulate(requested))
        await machine.packages.download(runs, work)
        for (const run of runs) await machine.packages.apply(run, 'keep', work)
      }
      const automatic = (await machine.inside('/usr/bin/apt-mark', ['showauto'])).split('\n')
      expect(automatic.filter((name) => name.startsWith('acme'))).toEqual(['acme-dependency', 'acme-lib'])
    } finally {
      await machine.release()
    }
  })
})
