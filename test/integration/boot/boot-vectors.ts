import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { formatEnvBlock } from '../../../src/boot/env-block.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import type { Menu, MenuEntry } from '../../../src/boot/menu.ts'
import { asciiTitle } from '../../../src/boot/menu-title.ts'
import { whatBoots } from '../../../src/boot/next-boot-from-files.ts'
import { beName, type BeName } from '../../../src/snap/names.ts'

/**
 * What is on a GRUB partition and what is started from it, time after time. Real GRUB (grub-decides.test.ts) and whatBoots
 * (next-boot-from-files.test.ts) must both say so.
 */
export interface BootVector {
  readonly title: string
  readonly env: Buffer | null
  readonly fragment: string | null
  readonly debianMenu?: string
  readonly sets: readonly VectorSet[]
  /** What is started at the first boot, the second, …; an array where any of several will do; null: nothing, the machine is restarted. */
  readonly boots: readonly (BeName | readonly BeName[] | null)[]
}

export interface VectorSet {
  readonly be: BeName
  readonly entry: string | null
  readonly kernel: 'good' | 'missing' | 'junk'
  /** `huge` does not fit into the machine's memory: `initrd` fails after `linux` succeeded. */
  readonly initrd: 'good' | 'missing' | 'empty' | 'huge'
}

const [ONE, TWO, THREE, FOUR] = [beName(1), beName(2), beName(3), beName(4)] as const
const NOBODY = beName(999)

/** Every character that GRUB's language or the kernel's command line could trip over. */
const AWKWARD = asciiTitle(`it's "quoted" $HOME \${x} {a;b} #! <*?[x]> \\ | & ~ % — Größe`)
export const AWKWARD_ARGUMENTS = [
  'root=UUID=00000000-0000-4000-8000-000000000001',
  'ro',
  'rootflags=subvol=@belay/be',
  'panic=10',
  'noresume',
  'a={b;c}|&<*?[x]>~%#!(d)',
]

export const vectorEntry = (be: BeName): MenuEntry => ({ be, title: asciiTitle(`${be} ${AWKWARD}`), arguments: [...AWKWARD_ARGUMENTS, `belay.be=${be}`] })

const set = (be: BeName, wrong: Partial<VectorSet> = {}): VectorSet => ({ be, entry: entryFile(vectorEntry(be)), kernel: 'good', initrd: 'good', ...wrong })
const sets = (...bes: readonly BeName[]): VectorSet[] => bes.map((be) => set(be))
const menu = (front: readonly BeName[], rest: readonly BeName[] = []): Menu => ({ front: front.map(vectorEntry), rest: rest.map(vectorEntry) })
const fragment = (front: readonly BeName[], rest: readonly BeName[] = [], confirmed: BeName | null = ONE): string =>
  menuFragment(menu(front, rest), { confirmed })
const choice = (changes: Partial<BootChoice> = {}): BootChoice => ({ good: ONE, trial: null, attemptsLeft: 0, once: null, ...changes })
const env = (changes: Partial<BootChoice> = {}): Buffer => formatEnvBlock(choice(changes)).bytes
const text = (lines: readonly string[], length = 1024): Buffer =>
  Buffer.from(`# GRUB Environment Block\n${lines.map((line) => `${line}\n`).join('')}`.padEnd(length, '#'), 'latin1')

const three = { fragment: fragment([THREE, TWO, ONE]), sets: sets(ONE, TWO, THREE) }
const whole = fragment([THREE, TWO], [ONE])
const cutAt = (mark: string): string => whole.slice(0, whole.indexOf(mark) + mark.length)

export const BOOT_VECTORS: readonly BootVector[] = [
  { title: 'the good one, every time', env: env({ good: TWO }), ...three, boots: [TWO, TWO] },
  { title: 'once is once', env: env({ once: THREE }), ...three, boots: [THREE, ONE, ONE] },
  { title: 'a trial has three attempts, then the good one', env: env({ trial: TWO, attemptsLeft: 3 }), ...three, boots: [TWO, TWO, TWO, ONE, ONE] },
  { title: 'once goes before a trial and costs it no attempt', env: env({ trial: TWO, attemptsLeft: 1, once: THREE }), ...three, boots: [THREE, TWO, ONE] },
  { title: 'a trial without attempts is over', env: env({ trial: TWO, attemptsLeft: 0 }), ...three, boots: [ONE] },
  { title: 'the good one is in the submenu', env: env(), fragment: whole, sets: sets(ONE, TWO, THREE), boots: [ONE, ONE] },
  {
    title: 'a trial is in the submenu',
    env: env({ good: THREE, trial: ONE, attemptsLeft: 1 }),
    fragment: whole,
    sets: sets(ONE, TWO, THREE),
    boots: [ONE, THREE],
  },

  { title: 'an empty env block: the confirmed one that the fragment remembers', env: Buffer.alloc(0), ...three, boots: [ONE] },
  { title: 'a missing env block', env: null, ...three, boots: [ONE] },
  { title: 'an env block of zeros', env: Buffer.alloc(1024), ...three, boots: [ONE] },
  {
    title: 'an env block of junk',
    env: Buffer.from('\u0001\u00ff=\\\n#belay_good=be-000002\n'.repeat(40), 'latin1').subarray(0, 1024),
    ...three,
    boots: [ONE],
  },
  { title: 'an env block with the signature alone', env: text([]), ...three, boots: [ONE] },
  { title: 'an env block cut inside the name of the good one', env: text(['belay_format=1', 'belay_good=be-0000'], 0).subarray(0, 55), ...three, boots: [ONE] },
  { title: 'a short env block still counts', env: env({ trial: TWO, attemptsLeft: 2 }).subarray(0, 500), ...three, boots: [TWO, TWO, ONE] },
  {
    title: 'an env block that ends in garbage cannot be saved, so nothing is tried that must not be tried for ever',
    env: Buffer.concat([env({ trial: TWO, attemptsLeft: 3, once: THREE }).subarray(0, 1020), Buffer.from('oops')]),
    ...three,
    boots: [ONE, ONE],
  },
  {
    title: 'once written twice cannot be cleared, so it is not taken',
    env: text(['belay_good=be-000001', 'belay_once=be-000002', 'belay_once=be-000003']),
    ...three,
    boots: [ONE, ONE],
  },
  {
    title: 'a line without an equals sign swallows the next one',
    env: text(['hello', 'belay_good=be-000002', 'belay_trial=be-000003', 'belay_left=1']),
    ...three,
    boots: [THREE, ONE],
  },
  {
    title: 'values with backslashes and foreign variables do not disturb',
    env: text(['other=a\\\\b\\\nbelay_good=be-000003', 'belay_good=be-000002']),
    ...three,
    boots: [TWO],
  },
  {
    title: 'a newer format is read as far as it is understood',
    env: text(['belay_format=7.2', 'belay_good=be-000002', 'belay_new=x', 'belay_left=1', 'belay_trial=be-000003']),
    ...three,
    boots: [THREE, TWO],
  },
  { title: 'attempts that are no number', env: text(['belay_good=be-000001', 'belay_trial=be-000002', 'belay_left=9']), ...three, boots: [ONE] },
  {
    title: 'names that are none, or of nothing',
    env: text(['belay_good=../../be-000002', 'belay_trial=be-000999', 'belay_left=3', 'belay_once=( -o be-000002']),
    ...three,
    boots: [ONE, ONE],
  },
  { title: 'the good one is gone', env: env({ good: NOBODY }), ...three, boots: [ONE] },
  {
    title: 'neither the good one nor the confirmed one is there: the first of the menu',
    env: env({ good: NOBODY }),
    fragment: fragment([THREE, TWO], [], NOBODY),
    sets: sets(TWO, THREE),
    boots: [THREE],
  },

  { title: 'no fragment: the boot sets know their entries', env: env({ good: TWO }), fragment: null, sets: sets(ONE, TWO, THREE), boots: [TWO] },
  {
    title: 'no fragment: once and trial count all the same',
    env: env({ trial: TWO, attemptsLeft: 2, once: THREE }),
    fragment: null,
    sets: sets(ONE, TWO, THREE),
    boots: [THREE, TWO, TWO, ONE],
  },
  { title: 'an empty fragment', env: env({ good: TWO }), fragment: '', sets: sets(ONE, TWO), boots: [TWO] },
  { title: 'a fragment that does not know the good one', env: env({ good: TWO }), fragment: fragment([THREE, ONE]), sets: sets(ONE, TWO, THREE), boots: [TWO] },
  { title: 'a fragment cut inside an entry', env: env({ good: TWO }), fragment: cutAt('if linux '), sets: sets(ONE, TWO, THREE), boots: [TWO] },
  { title: 'a fragment cut inside a title', env: env({ good: TWO }), fragment: cutAt("menuentry 'be-0000"), sets: sets(ONE, TWO, THREE), boots: [TWO] },
  { title: 'a fragment cut inside the submenu', env: env({ good: ONE }), fragment: cutAt('submenu'), sets: sets(ONE, TWO, THREE), boots: [ONE] },
  { title: 'a fragment cut inside its ladder', env: env({ good: TWO }), fragment: cutAt('elif ['), sets: sets(ONE, TWO, THREE), boots: [TWO] },
  { title: 'a fragment cut behind its ladder, and no env block', env: null, fragment: cutAt('set belay_confirmed'), sets: sets(TWO), boots: [TWO] },
  { title: 'a fragment of junk', env: env({ good: TWO }), fragment: '}}} )( \'"; \u0001 menuentry { $\n'.repeat(30), sets: sets(ONE, TWO), boots: [TWO] },
  { title: 'no fragment and no env block: anything that is there', env: null, fragment: null, sets: sets(ONE, FOUR), boots: [[ONE, FOUR]] },
  {
    title: 'no fragment, no env block, and an entry file that is torn',
    env: null,
    fragment: null,
    sets: [set(ONE, { entry: entryFile(vectorEntry(ONE)).slice(0, 200) }), set(TWO, { entry: null }), set(FOUR)],
    boots: [FOUR],
  },

  {
    title: 'the good one has no initrd',
    env: env({ good: TWO }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { initrd: 'missing' }), set(THREE)],
    boots: [ONE, ONE],
  },
  {
    title: 'the good one has an empty initrd',
    env: env({ good: TWO }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { initrd: 'empty' }), set(THREE)],
    boots: [ONE],
  },
  {
    title: 'the initrd of the good one cannot be loaded after its kernel was',
    env: env({ good: TWO }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { initrd: 'huge' }), set(THREE)],
    boots: [ONE],
  },
  {
    title: 'the good one has no kernel',
    env: env({ good: TWO }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { kernel: 'missing' }), set(THREE)],
    boots: [ONE],
  },
  {
    title: 'the kernel of the good one is junk',
    env: env({ good: TWO }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { kernel: 'junk' }), set(THREE)],
    boots: [ONE],
  },
  {
    title: 'a trial that cannot be loaded costs its attempt and the good one is started at once',
    env: env({ trial: TWO, attemptsLeft: 2 }),
    fragment: three.fragment,
    sets: [set(ONE), set(TWO, { initrd: 'missing' }), set(THREE)],
    boots: [ONE, ONE, ONE],
  },
  {
    title: 'neither the trial nor the good one nor the first of the menu can be loaded',
    env: env({ trial: TWO, attemptsLeft: 2 }),
    fragment: fragment([THREE, TWO, ONE, FOUR]),
    sets: [set(ONE, { kernel: 'junk' }), set(TWO, { initrd: 'missing' }), set(THREE, { initrd: 'huge' }), set(FOUR)],
    boots: [FOUR],
  },
  {
    title: 'the set of the submenu cannot be loaded',
    env: env({ good: ONE }),
    fragment: whole,
    sets: [set(ONE, { initrd: 'missing' }), set(TWO), set(THREE)],
    boots: [THREE],
  },
  {
    title: 'a note of what failed is good for one session, and costs a trial nothing',
    env: text(['belay_good=be-000001', 'belay_trial=be-000002', 'belay_left=2', 'belay_skip= be-000003 be-000001']),
    ...three,
    boots: [TWO, TWO, TWO, ONE],
  },
  { title: 'nothing can be loaded: restart', env: env(), fragment: fragment([ONE]), sets: [set(ONE, { kernel: 'missing' })], boots: [null] },
  { title: 'nothing is there: restart', env: null, fragment: null, sets: [], boots: [null] },
  { title: "Debian's menu is junk", env: env({ good: TWO }), ...three, debianMenu: "}} menuentry 'x' { if \n set default=0\n", boots: [TWO] },
]

/** What whatBoots says to a vector: the boot environments in order (null: restart), and the env block at the end. */
export function predicted(vector: BootVector): { readonly boots: readonly (BeName | null)[]; readonly env: Uint8Array | null } {
  const boots: (BeName | null)[] = []
  let current: Uint8Array | null = vector.env
  while (boots.length < vector.boots.length) {
    const next = whatBoots({
      env: current,
      fragment: vector.fragment,
      entries: new Map(vector.sets.map(({ be, entry }) => [be, entry])),
      unloadable: new Set(vector.sets.filter(({ kernel, initrd }) => kernel !== 'good' || initrd !== 'good').map(({ be }) => be)),
    })
    boots.push(next?.be ?? null)
    current = next?.envAfter ?? current
  }
  return { boots, env: current }
}
