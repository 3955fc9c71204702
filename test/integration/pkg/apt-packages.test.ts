import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
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
})
