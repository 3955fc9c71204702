import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { chrootCommand } from '../../demo/appliance/chroot.ts'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { unmountAll } from '../../demo/appliance/release.ts'
import { isWithin, readMounts } from '../../demo/appliance/mount-table.ts'
import { runTool } from '../../demo/run-tool.ts'
import { parseTimed, TIMER } from '../lab/timed-command.ts'
import { bringPrograms } from './foreign-programs.ts'

const MOUNT = '/usr/bin/mount'
const BTRFS = '/usr/bin/btrfs'
const SETPRIV = '/usr/bin/setpriv'

/** Where the peers' programs lie inside the root: a tmpfs, which is part of no snapshot; timeshift leaves /mnt out by itself. */
const PROGRAMS = '/mnt'
const ENVIRONMENT = { LD_LIBRARY_PATH: `${PROGRAMS}/lib`, PATH: `${PROGRAMS}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` }

/** What a peer brings along. */
interface PeerPrograms {
  /** Programs of this machine, by absolute path. */
  readonly programs: readonly string[]
  /** Shell programs of the benchmark, by the name that they get; they come before those of the root. */
  readonly scripts?: Readonly<Record<string, string>>
}

/**
 * What a peer has at /boot/grub: belay's partition, or a plain directory. A tool that copies files back, with what was deleted since, would take belay's own boot choice back
 * with them.
 */
type GrubPlace = 'partition' | 'directory'

/** A copy of the tree that belay runs on, as a subvolume of its own on the same filesystem, for a tool that wants its root to itself. */
export class PeerRoot {
  readonly root: string
  readonly top: string
  readonly subvolume: string
  readonly #appliance: Appliance
  readonly #grub: GrubPlace

  private constructor(appliance: Appliance, subvolume: string, grub: GrubPlace) {
    this.#appliance = appliance
    this.subvolume = subvolume
    this.#grub = grub
    this.top = join(appliance.directory, 'top')
    this.root = join(appliance.directory, `peer-${subvolume}`)
  }

  /** Clones the root that the appliance runs, its configuration in place, and gives it the fstab of an ordinary installation. */
  static async make(appliance: Appliance, subvolume: string, grub: GrubPlace): Promise<PeerRoot> {
    const peer = new PeerRoot(appliance, subvolume, grub)
    const copy = join(peer.top, subvolume)
    if (!(await readMounts()).some(({ mountpoint }) => mountpoint === peer.top)) {
      await mkdir(peer.top, { recursive: true })
      await runTool(MOUNT, ['-t', 'btrfs', '-o', 'subvolid=5', '--', appliance.btrfsDevice, peer.top])
    }
    await runTool(BTRFS, ['subvolume', 'snapshot', '--', appliance.root, copy])
    // The configuration is a subvolume of its own in belay's root: an empty stub in the clone.
    await runTool('/usr/bin/rmdir', ['--', join(copy, 'etc/acme')])
    await runTool('/usr/bin/cp', ['--archive', '--', join(appliance.root, 'etc/acme'), join(copy, 'etc/acme')])
    await writeFile(join(copy, 'etc/fstab'), `UUID=${appliance.btrfsUuid} / btrfs defaults,subvol=${subvolume} 0 0\n`)
    if (grub === 'directory') await runTool('/usr/bin/cp', ['--archive', '--', join(appliance.root, 'boot/grub/i386-pc'), join(copy, 'boot/grub/i386-pc')])
    return peer
  }

  /** Mounts it as its machine would run it, with the peer's programs. */
  async boot({ programs, scripts = {} }: PeerPrograms): Promise<void> {
    await unmountAll(({ mountpoint }) => isWithin(mountpoint, this.root))
    await mkdir(this.root, { recursive: true })
    await runTool(MOUNT, ['-t', 'btrfs', '-o', `subvol=${this.subvolume}`, '--', this.#appliance.btrfsDevice, this.root])
    if (this.#grub === 'partition') await runTool(MOUNT, ['-t', 'ext4', '--', this.#appliance.grubDevice, join(this.root, 'boot/grub')])
    await runTool(MOUNT, ['-t', 'tmpfs', '--', 'tmpfs', join(this.root, PROGRAMS)])
    await bringPrograms(programs, this.root, PROGRAMS)
    for (const [name, file] of Object.entries({ ...scripts, [basename(TIMER)]: TIMER })) {
      const place = join(this.root, PROGRAMS, 'bin', name)
      await copyFile(file, place)
      await chmod(place, 0o755)
    }
  }

  /** Runs a program inside. The restart of this machine is out of its reach. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await runTool(SETPRIV, this.#inside(program, args), { env: ENVIRONMENT })
    return stdout
  }

  /** @param before a program that makes ready what the measured one needs, and then runs it */
  async time(command: readonly [string, ...string[]], { before = [] }: { readonly before?: readonly string[] } = {}): Promise<number> {
    const [program, ...args] = [...before, `${PROGRAMS}/bin/${basename(TIMER)}`, ...command] as [string, ...string[]]
    return parseTimed(await this.run(program, ...args), command)
  }

  /** Path inside the root of a program that the peer brought. */
  static program(name: string): string {
    return `${PROGRAMS}/bin/${name}`
  }

  /** Timeshift ends a restore of the running system by restarting the machine: reboot(2) would be this machine's. */
  #inside(program: string, args: readonly string[]): string[] {
    return ['--bounding-set=-sys_boot', '--inh-caps=-sys_boot', '--', ...chrootCommand(this.root, program, args)]
  }
}
