import { describe, expect, it } from 'vitest'
import { formatEnvBlock } from '../../../src/boot/env-block.ts'
import { grubCfg } from '../../../src/boot/grub-cfg.ts'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import { beName } from '../../../src/snap/names.ts'
import { type BootVector, vectorEntry } from './boot-vectors.ts'
import { GrubMachine } from './grub-machine.ts'
import { vectorPartition } from './vector-partition.ts'

const [ONE, TWO, THREE] = [beName(1), beName(2), beName(3)] as const
const UP = '\u001b[A'
const DOWN = '\u001b[B'
const ENTER = '\r'
/** What GRUB writes below a menu that is complete on the screen. */
const MENU_IS_THERE = 'automatically in'

/** Menu: THREE, TWO, ONE (the default), older versions, Restart, Debian. */
const vector = (changes: Partial<BootVector> = {}): BootVector => ({
  title: '',
  env: formatEnvBlock({ good: ONE, trial: null, attemptsLeft: 0, once: null }).bytes,
  fragment: menuFragment({ front: [THREE, TWO, ONE].map(vectorEntry), rest: [] }, { confirmed: ONE }),
  sets: [ONE, TWO, THREE].map((be) => ({ be, entry: entryFile(vectorEntry(be)), kernel: 'good', initrd: 'good' })),
  boots: [],
  ...changes,
})
const machineFor = (given: BootVector) =>
  new GrubMachine(vectorPartition(given, grubCfg({ timeoutSeconds: 3, terminal: { serial: { unit: 0, speed: 115200 } } })))
const initrds = (boots: readonly { readonly initrd: string }[]) => boots.map(({ initrd }) => initrd)

describe('a person at the menu', () => {
  it('picks a version for one boot, and the env block does not change', async () => {
    const given = vector()
    using machine = machineFor(given)
    const { boots, serial } = await machine.run({ boots: 2, type: [{ after: MENU_IS_THERE, keys: `${UP}${ENTER}` }] })
    expect(initrds(boots), serial).toEqual([TWO, ONE])
    expect(machine.read(LAYOUT.env)).toEqual(given.env)
  })

  it('picks a version that cannot be loaded, and the machine goes on by itself', async () => {
    const given = vector()
    using machine = machineFor({ ...given, sets: given.sets.map((set) => (set.be === TWO ? { ...set, initrd: 'missing' as const } : set)) })
    const { boots, serial } = await machine.run({ boots: 1, type: [{ after: MENU_IS_THERE, keys: `${UP}${ENTER}` }] })
    expect(initrds(boots), serial).toEqual([ONE])
  })

  it("picks Debian's own menu", async () => {
    const debianMenu = `set timeout=0\nset default=0\nmenuentry Debian { linux $prefix/belay/be/${TWO}/vmlinuz root=debian\n initrd $prefix/belay/be/${TWO}/initrd.img\n }\n`
    using machine = machineFor(vector({ debianMenu }))
    const { boots, serial } = await machine.run({ boots: 1, type: [{ after: MENU_IS_THERE, keys: `${DOWN}${DOWN}${ENTER}` }] })
    expect(boots[0]?.commandLine, serial).toMatch(/ root=debian$/)
  })

  it('comes back from a Debian menu that is junk', async () => {
    using machine = machineFor(vector({ debianMenu: '}} menuentry { if "\nset default=nothing\nset timeout=0\nset fallback=9\n' }))
    const { boots, serial } = await machine.run({
      boots: 1,
      type: [
        { after: MENU_IS_THERE, keys: `${DOWN}${DOWN}${ENTER}` },
        // The first key goes to "Press any key to continue".
        { after: 'error: ', keys: `${UP}${UP}${ENTER}` },
      ],
    })
    expect(initrds(boots), serial).toEqual([TWO])
  })
})
