import { beforeAll, describe, expect, it } from 'vitest'
import { formatEnvBlock } from '../../../src/boot/env-block.ts'
import { grubCfg } from '../../../src/boot/grub-cfg.ts'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import { beName, type BeName } from '../../../src/snap/names.ts'
import { vectorEntry } from './boot-vectors.ts'
import { startFromEach } from './damage-run.ts'
import { coreWithStub, GrubMachine, type PartitionContent } from './grub-machine.ts'
import { vectorPartition } from './vector-partition.ts'

const [ONE, TWO, THREE] = [beName(1), beName(2), beName(3)] as const
const CONFIGURATION = grubCfg({ timeoutSeconds: 0, terminal: { serial: { unit: 0, speed: 115200 } } })
const ENV = formatEnvBlock({ good: ONE, trial: TWO, attemptsLeft: 2, once: null }).bytes
const FRAGMENT = menuFragment({ front: [THREE, TWO].map(vectorEntry), rest: [vectorEntry(ONE)] }, { confirmed: ONE })
const SETS = [ONE, TWO, THREE].map((be) => ({ be, entry: entryFile(vectorEntry(be)), kernel: 'good' as const, initrd: 'good' as const }))
const UNDAMAGED = vectorPartition({ title: '', env: ENV, fragment: FRAGMENT, sets: SETS, boots: [] }, CONFIGURATION)
const BOOT_SETS = Object.fromEntries(
  Object.entries(UNDAMAGED).filter(([path]) => path.startsWith(`${LAYOUT.sets}/`) || path.startsWith(`${LAYOUT.bootEnvironments}/`)),
)

interface Damage {
  readonly title: string
  readonly files: PartitionContent
  /** Files that are not there. */
  readonly without?: readonly string[]
  /** What may be started; default: the trial, whose attempt is counted once. */
  readonly boots?: readonly BeName[]
}

const upTo = (length: number, step: number): number[] => Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step)
const zeroed = (text: string, from: number, length: number): Buffer => {
  const bytes = Buffer.from(text)
  bytes.fill(0, from, Math.min(from + length, bytes.length))
  return bytes
}
const JUNK = Buffer.from(Array.from({ length: 6000 }, (_, index) => (index * 7919 + (index >> 3) * 104_729) & 0xff))
const BROKEN_TEXT = 'menuentry "x { set default=0\n} } fi done \'\nset timeout=-1\nfunction belay_find {\n'
const DEBIAN = 'set default=0\nset timeout=9\nmenuentry Debian { linux /vmlinuz }\n'

const both = (content: string | Buffer): PartitionContent => ({ [LAYOUT.grubCfg]: content, [LAYOUT.grubCfgCopy]: content })

const DAMAGES: readonly Damage[] = [
  { title: 'nothing', files: {} },
  ...upTo(CONFIGURATION.length, 100).map((length) => ({
    title: `grub.cfg ends after ${String(length)} bytes`,
    files: { [LAYOUT.grubCfg]: CONFIGURATION.slice(0, length) },
  })),
  ...upTo(CONFIGURATION.length, 330).map((length) => ({
    title: `grub.cfg and its copy end after ${String(length)} bytes`,
    files: both(CONFIGURATION.slice(0, length)),
  })),
  ...upTo(CONFIGURATION.length, 512).map((from) => ({
    title: `the sector at ${String(from)} of grub.cfg and its copy is zeros`,
    files: both(zeroed(CONFIGURATION, from, 512)),
    // What is left of the decision may be GRUB script that is right, and comes to the confirmed version.
    boots: [ONE, TWO],
  })),
  { title: 'the first block of grub.cfg and its copy is zeros', files: both(zeroed(CONFIGURATION, 0, 4096)) },
  { title: 'the last block of grub.cfg and its copy is zeros', files: both(zeroed(CONFIGURATION, 4096, 4096)) },
  { title: 'there is no grub.cfg', files: {}, without: [LAYOUT.grubCfg] },
  { title: 'there is no grub.cfg and no copy', files: {}, without: [LAYOUT.grubCfg, LAYOUT.grubCfgCopy] },
  { title: 'grub.cfg and its copy are junk', files: both(JUNK) },
  { title: 'grub.cfg and its copy are broken text', files: both(BROKEN_TEXT) },
  { title: 'grub.cfg was overwritten with the menu of Debian', files: { [LAYOUT.grubCfg]: DEBIAN } },
  ...upTo(FRAGMENT.length, 700).map((length) => ({
    title: `the fragment ends after ${String(length)} bytes and grub.cfg is empty`,
    files: { [LAYOUT.grubCfg]: '', [LAYOUT.fragment]: FRAGMENT.slice(0, length) },
  })),
  { title: 'there is no fragment', files: {}, without: [LAYOUT.fragment] },
  ...[0, 40, 60].map((length) => ({
    title: `the env block ends after ${String(length)} bytes and grub.cfg is empty`,
    files: { [LAYOUT.grubCfg]: '', [LAYOUT.env]: ENV.subarray(0, length) },
    boots: [ONE],
  })),
  { title: 'the env block is zeros', files: { [LAYOUT.env]: Buffer.alloc(1024) }, boots: [ONE] },
]

const partitionOf = ({ files, without = [] }: Damage): PartitionContent =>
  Object.fromEntries(
    Object.entries({ [LAYOUT.grubCfg]: CONFIGURATION, [LAYOUT.grubCfgCopy]: CONFIGURATION, [LAYOUT.env]: ENV, [LAYOUT.fragment]: FRAGMENT, ...files }).filter(
      ([path]) => !without.includes(path),
    ),
  )

describe('a machine whose core image holds belay’s stub starts by itself', () => {
  let seen: Awaited<ReturnType<typeof startFromEach>>

  beforeAll(async () => {
    seen = await startFromEach(DAMAGES.map(partitionOf), { configuration: CONFIGURATION, bootSets: BOOT_SETS })
  }, 1_800_000)

  it.each(DAMAGES.map((damage, index) => ({ ...damage, index })))('when $title', ({ index, boots = [TWO], files }) => {
    const started = seen.started[index]
    expect(boots).toContain(started?.initrd)
    expect(started?.commandLine).toContain(` belay.be=${String(started?.initrd)}`)
    if (files[LAYOUT.env] === undefined && !boots.includes(ONE)) expect(seen.envs[index]?.toString('latin1')).toContain('\nbelay_left=1\n')
  })
})

describe('the stub in the core image', () => {
  const core = coreWithStub(CONFIGURATION)
  const start = async (content: PartitionContent, run: Parameters<GrubMachine['run']>[0], image: Buffer = core) => {
    using machine = new GrubMachine(content, { core: image })
    return await machine.run(run)
  }

  it('goes on without a version that cannot be loaded, also when grub.cfg is empty', async () => {
    const { boots, serial } = await start({ ...UNDAMAGED, [`${LAYOUT.sets}/${TWO}.1/initrd.img`]: '', [LAYOUT.grubCfg]: '' }, { boots: 1 })
    expect(boots[0]?.initrd, serial).toBe(ONE)
  })

  it('leaves Debian’s grub.cfg alone when belay was removed', async () => {
    const debian = `set timeout=0\nmenuentry Debian { linux $prefix/belay/be/${THREE}/vmlinuz root=debian\n initrd $prefix/belay/be/${THREE}/initrd.img\n }\n`
    const given = { ...UNDAMAGED, [LAYOUT.grubCfg]: `serial --unit=0\nterminal_output serial console\n${debian}`, [LAYOUT.grubCfgCopy]: CONFIGURATION }
    const released = await start({ ...given, [LAYOUT.released]: '' }, { boots: 1 })
    expect(released.boots[0]?.commandLine, released.serial).toMatch(/ root=debian$/)
  })

  it('finds /boot/grub in a directory of its filesystem', async () => {
    const inside = Object.fromEntries(Object.entries(UNDAMAGED).map(([path, file]) => [`boot dir/grub's/${path}`, file]))
    const { boots, serial } = await start(inside, { boots: 1 }, coreWithStub(CONFIGURATION, { path: "/boot dir/grub's" }))
    expect(boots[0]?.initrd, serial).toBe(TWO)
  })

  it('restarts when there is nothing at all to start', async () => {
    const { serial } = await start({ [LAYOUT.bootEnvironments]: null }, { boots: 1, until: 'Restarting in 10 seconds' })
    expect(serial).toContain('Restarting in 10 seconds')
  })
})
