import { cp, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LAYOUT } from '../../src/boot/grub-partition-layout.ts'
import type { Status } from '../../src/operations/read-status.ts'
import { libexec } from '../../src/program-directory.ts'
import type { Machine } from '../integration/belay/machine.ts'

/** A machine that has started again, before anybody confirmed what runs. */
export interface Started {
  readonly machine: Machine
  readonly status: Status
  /** What status said before the operation, and says after one that nothing cut. */
  readonly before: Status
  readonly after: Status
}

/** Something in which the power fails. */
export interface Operation {
  /** Brings the machine to where it begins. */
  prepare(machine: Machine): Promise<void>
  run(machine: Machine): Promise<void>
  /** Whether the machine has what the operation was to bring. */
  isDone(started: Started): boolean | Promise<boolean>
}

const THEN = 'a place to go back to'
const MKCONFIG = '/usr/sbin/grub-mkconfig'
const MENU_SCRIPT = `#!/bin/sh\necho "menuentry 'of the vendor' { true; }"\n`

const place = async (machine: Machine): Promise<string> => String((await machine.list()).generations.find(({ text }) => text === THEN)?.id)
const run =
  (...args: string[]) =>
  async (machine: Machine): Promise<void> => {
    await machine.must(...args)
  }
const switchesVersion = ({ status, after }: Started): boolean => status.running?.be === after.running?.be
const nothing = (): Promise<void> => Promise.resolve()

/** In the order of a machine's life: each begins where the one before ended. */
export const OPERATIONS = {
  snapshot: {
    prepare: nothing,
    run: run('snapshot', '--with-data', '--keep', '-m', THEN),
    isDone: ({ status, before }) => status.generations > before.generations,
  },
  rollback: {
    prepare: (machine) => writeFile(join(machine.root, 'srv/files/later.txt'), 'written after the restore point\n'),
    run: async (machine) => run('rollback', await place(machine), '--yes')(machine),
    isDone: switchesVersion,
  },
  confirm: {
    prepare: nothing,
    run: run('confirm'),
    isDone: ({ status }) => status.choice?.good === status.running?.be,
  },
  forward: {
    prepare: nothing,
    run: run('forward', '--yes'),
    isDone: switchesVersion,
  },
  'rollback --with-data': {
    prepare: run('confirm'),
    run: async (machine) => run('rollback', await place(machine), '--with-data', '--yes')(machine),
    isDone: switchesVersion,
  },
  prune: {
    async prepare(machine) {
      await machine.must('confirm')
      for (const text of ['older', 'newest']) await machine.must('snapshot', '-m', text)
    },
    run: run('prune', '--newest', '1', '--yes'),
    isDone: ({ status, before }) => status.generations < before.generations,
  },
  'update-grub': {
    // As the package does: Debian's program is diverted and belay's stands in its place.
    async prepare({ root, appliance }) {
      await cp(libexec(''), join(root, 'usr/lib/belay/libexec'), { recursive: true })
      await appliance.run('/usr/bin/dpkg-divert', ['--local', '--rename', '--divert', `${MKCONFIG}.distrib`, '--add', MKCONFIG])
      await copyFile(libexec('grub-mkconfig'), join(root, MKCONFIG))
      await appliance.run('/usr/sbin/update-grub', [])
      await writeFile(join(root, 'etc/grub.d/99_vendor'), MENU_SCRIPT, { mode: 0o755 })
    },
    async run({ appliance }) {
      await appliance.run('/usr/sbin/update-grub', [])
    },
    isDone: async ({ machine }) => (await readFile(join(machine.root, 'boot/grub', LAYOUT.debianMenu), 'utf8')).includes('of the vendor'),
  },
  upgrade: {
    prepare({ repository }) {
      repository.publish(['1.0.0', '2.0.0'])
      return nothing()
    },
    run: run('upgrade', '--yes'),
    isDone: ({ status }) => status.running?.packages['acme-gateway'] === '2.0.0',
  },
} as const satisfies Readonly<Record<string, Operation>>

export type OperationName = keyof typeof OPERATIONS
