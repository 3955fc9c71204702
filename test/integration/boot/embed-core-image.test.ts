import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatEnvBlock } from '../../../src/boot/env-block.ts'
import { grubCfg } from '../../../src/boot/grub-cfg.ts'
import { entryFile } from '../../../src/boot/menu-fragment.ts'
import { beName } from '../../../src/snap/names.ts'
import { vectorEntry } from './boot-vectors.ts'
import { BOOT_IMAGE, coreWithStub, GrubMachine } from './grub-machine.ts'
import { vectorPartition } from './vector-partition.ts'

const PROGRAM = join(import.meta.dirname, '../../../libexec/embed-core-image')
const SGDISK = '/usr/sbin/sgdisk'
const SECTOR = 512
const MIB = 1024 * 1024
const ONE = beName(1)
const CONFIGURATION = grubCfg({ timeoutSeconds: 0, terminal: { serial: { unit: 0, speed: 115200 } } })
/** Its grub.cfg is empty: an ordinary core image ends in GRUB's prompt. */
const PARTITION = vectorPartition(
  {
    title: '',
    env: formatEnvBlock({ good: ONE, trial: null, attemptsLeft: 0, once: null }).bytes,
    fragment: null,
    sets: [{ be: ONE, entry: entryFile(vectorEntry(ONE)), kernel: 'good', initrd: 'good' }],
    boots: [],
  },
  '',
)

describe('embed-core-image', () => {
  let directory: string
  let machine: GrubMachine
  const core = (): string => join(directory, 'core.img')

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'belay-embed-'))
    machine = new GrubMachine(PARTITION)
    writeFileSync(core(), coreWithStub(CONFIGURATION))
  })
  afterEach(() => {
    machine[Symbol.dispose]()
    rmSync(directory, { recursive: true })
  })

  const run = (...options: readonly string[]) => spawnSync(PROGRAM, [...options, machine.disk, core(), BOOT_IMAGE], { encoding: 'utf8' })
  const initrdStarted = async () => (await machine.run({ boots: 1 })).boots[0]?.initrd
  /** Numbers of the first and the last sector that two images differ in, outside of the first sector. */
  const changedSectors = (before: Buffer, after: Buffer): readonly [number, number] => {
    const changed: number[] = []
    for (let at = SECTOR; at < before.length; at += SECTOR) {
      if (!before.subarray(at, at + SECTOR).equals(after.subarray(at, at + SECTOR))) changed.push(at / SECTOR)
    }
    return [changed[0] ?? -1, changed.at(-1) ?? -1]
  }

  it('makes a disk with an MBR start belay’s core image, and keeps the partition table', async () => {
    const before = readFileSync(machine.disk)
    expect(run('--check').status).toBe(3)
    expect(run()).toMatchObject({ status: 0, stderr: '' })
    expect(run('--check').status).toBe(0)
    expect(readFileSync(machine.disk).subarray(440, SECTOR).equals(before.subarray(440, SECTOR))).toBe(true)
    expect(await initrdStarted()).toBe(ONE)
  })

  it('never writes over the image in use: each time it takes the other half', async () => {
    const sectors = Math.ceil(readFileSync(core()).length / SECTOR)
    const half = 1 + Math.floor((MIB / SECTOR - 1) / 2)
    for (const place of [half, 1, half]) {
      const before = readFileSync(machine.disk)
      // Another image in every round.
      writeFileSync(core(), coreWithStub(`${CONFIGURATION}# ${String(Math.random())}\n`))
      expect(run()).toMatchObject({ status: 0, stderr: '' })
      const [first, last] = changedSectors(before, readFileSync(machine.disk))
      expect(first).toBeGreaterThanOrEqual(place)
      expect(last).toBeLessThan(place + sectors + 8)
      expect(readFileSync(machine.disk).readBigUInt64LE(0x5c)).toBe(BigInt(place))
    }
    expect(await initrdStarted()).toBe(ONE)
  })

  it('makes a disk with a GPT start belay’s core image', async () => {
    const disk = join(directory, 'gpt.img')
    const partition = readFileSync(machine.disk).subarray(MIB)
    writeFileSync(disk, Buffer.concat([Buffer.alloc(2 * MIB), partition, Buffer.alloc(MIB)]))
    execFileSync(SGDISK, ['--clear', '--new=1:2048:4095', '--typecode=1:EF02', `--new=2:4096:${String(4095 + partition.length / SECTOR)}`, disk])
    copyFileSync(disk, machine.disk)
    expect(run()).toMatchObject({ status: 0, stderr: '' })
    expect(execFileSync(SGDISK, ['--verify', machine.disk], { encoding: 'utf8' })).toContain('No problems found')
    expect(await initrdStarted()).toBe(ONE)
    expect(run()).toMatchObject({ status: 0, stderr: '' })
    expect(await initrdStarted()).toBe(ONE)
    expect(readFileSync(machine.disk).readBigUInt64LE(0x5c)).toBe(3072n)
  })

  it('leaves a disk alone on which two images have no room, or somebody else keeps data in the gap', () => {
    const disk = readFileSync(machine.disk)
    disk.write('license', (1 + Math.floor((MIB / SECTOR - 1) / 2) + 3) * SECTOR)
    writeFileSync(machine.disk, disk)
    expect(run()).toMatchObject({ status: 3, stderr: '' })
    truncateSync(core(), 600 * 1024)
    expect(run()).toMatchObject({ status: 3, stderr: '' })
    expect(readFileSync(machine.disk).equals(disk)).toBe(true)
  })

  it('leaves a disk without a partition table alone', () => {
    writeFileSync(machine.disk, Buffer.alloc(4 * MIB))
    expect(run()).toMatchObject({ status: 3, stderr: '' })
    expect(readFileSync(machine.disk).equals(Buffer.alloc(4 * MIB))).toBe(true)
  })
})
