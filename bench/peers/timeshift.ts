import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { FailedError } from '../../src/errors.ts'
import { PeerRoot } from './peer-root.ts'

const TIMESHIFT = PeerRoot.program('timeshift')
/** The only name of a root that timeshift knows in its btrfs mode. */
const SUBVOLUME = '@'
const PROGRAMS = ['/usr/bin/timeshift', '/usr/bin/rsync', '/usr/bin/fuser', '/usr/bin/crontab']
const SCRIPTS = {
  'as-on-a-disk.sh': join(import.meta.dirname, 'as-on-a-disk.sh'),
  lsblk: join(import.meta.dirname, 'lsblk-without-loops.sh'),
  reboot: join(import.meta.dirname, 'no-reboot.sh'),
}

type Mode = 'btrfs' | 'rsync'

/** timeshift of this machine, run in a root of its own, which it is told lies on a disk: it leaves loop devices out (22.11). */
export class Timeshift {
  readonly mode: Mode
  readonly #peer: PeerRoot
  readonly #uuid: string

  private constructor(peer: PeerRoot, uuid: string, mode: Mode) {
    this.#peer = peer
    this.#uuid = uuid
    this.mode = mode
  }

  static async make(appliance: Appliance): Promise<(mode: Mode) => Timeshift> {
    const peer = await PeerRoot.make(appliance, SUBVOLUME, 'directory')
    await boot(peer)
    return (mode) => new Timeshift(peer, appliance.btrfsUuid, mode)
  }

  async create(): Promise<number> {
    await this.#configure()
    return this.#time('--create', '--comments', 'measured')
  }

  /**
   * The newest snapshot, up to where timeshift would restart the machine, and then boots what it restored. GRUB is left alone, which saves timeshift a grub-install.
   */
  async restore(): Promise<number> {
    await this.#configure()
    const listed = await this.#peer.run(...this.#command('--list'))
    const newest = [...listed.matchAll(/> {2}(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d) /g)].at(-1)?.[1]
    if (newest === undefined) throw new FailedError('no-snapshot', `timeshift lists no snapshot: ${listed}`, { rebootRequired: false })
    const milliseconds = await this.#time('--restore', '--snapshot', newest, '--skip-grub', '--yes')
    await this.#reboot()
    return milliseconds
  }

  /** A snapshot marked live is the root that was left and still runs; while there is one, the next restore would delete the root that it restored before (22.11). */
  async #reboot(): Promise<void> {
    const snapshots = join(this.#peer.top, 'timeshift-btrfs/snapshots')
    for (const name of this.mode === 'btrfs' ? await readdir(snapshots) : []) {
      const file = join(snapshots, name, 'info.json')
      await writeFile(file, (await readFile(file, 'utf8')).replace('"live" : "true"', '"live" : "false"'))
    }
    await boot(this.#peer)
  }

  #command(...args: string[]): [string, ...string[]] {
    return [PeerRoot.program('as-on-a-disk.sh'), TIMESHIFT, ...args, '--scripted']
  }

  #time(...args: string[]): Promise<number> {
    return this.#peer.time([TIMESHIFT, ...args, '--scripted'], { before: [PeerRoot.program('as-on-a-disk.sh')] })
  }

  async #configure(): Promise<void> {
    const settings = {
      backup_device_uuid: this.#uuid,
      parent_device_uuid: '',
      do_first_run: 'false',
      btrfs_mode: String(this.mode === 'btrfs'),
      include_btrfs_home_for_backup: 'false',
      include_btrfs_home_for_restore: 'false',
      stop_cron_emails: 'false',
      exclude: [],
      'exclude-apps': [],
    }
    await mkdir(join(this.#peer.root, 'etc/timeshift'), { recursive: true })
    await writeFile(join(this.#peer.root, 'etc/timeshift/timeshift.json'), JSON.stringify(settings))
  }
}

const boot = (peer: PeerRoot): Promise<void> => peer.boot({ programs: PROGRAMS, scripts: SCRIPTS })
