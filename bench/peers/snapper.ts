import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { runTool } from '../../demo/run-tool.ts'
import { PeerRoot } from './peer-root.ts'

const BTRFS = '/usr/bin/btrfs'
const SNAPPER = PeerRoot.program('snapper')
const NO_DBUS = '--no-dbus'
const SUBVOLUME = '@snapper'
const TOP_LEVEL = '5'

/** Only what is asked for: no timeline, no cleanup, no comparison in the background. */
const CONFIG = ['SUBVOLUME="/"', 'FSTYPE="btrfs"', 'QGROUP=""', 'BACKGROUND_COMPARISON="no"', 'NUMBER_CLEANUP="no"', 'TIMELINE_CREATE="no"']

/** snapper of this machine, run in a root of its own. */
export class Snapper {
  readonly #peer: PeerRoot

  private constructor(peer: PeerRoot) {
    this.#peer = peer
  }

  static async make(appliance: Appliance): Promise<Snapper> {
    const peer = await PeerRoot.make(appliance, SUBVOLUME, 'partition')
    const copy = join(peer.top, SUBVOLUME)
    for (const directory of ['etc/snapper/configs', 'etc/default']) await mkdir(join(copy, directory), { recursive: true })
    await writeFile(join(copy, 'etc/default/snapper'), 'SNAPPER_CONFIGS="root"\n')
    await writeFile(join(copy, 'etc/snapper/configs/root'), CONFIG.map((line) => `${line}\n`).join(''))
    await runTool(BTRFS, ['subvolume', 'create', '--', join(copy, '.snapshots')])
    await peer.boot({ programs: ['/usr/bin/snapper'], scripts: { 'repeat.sh': join(import.meta.dirname, 'repeat.sh') } })
    return new Snapper(peer)
  }

  create(): Promise<number> {
    return this.#peer.time([SNAPPER, NO_DBUS, 'create', '--description', 'measured'])
  }

  /** Many snapshots, not measured. */
  async fill(count: number): Promise<void> {
    await this.#peer.run(PeerRoot.program('repeat.sh'), String(count), SNAPPER, NO_DBUS, 'create', '--description', 'filled')
  }

  list(): Promise<number> {
    return this.#peer.time([SNAPPER, NO_DBUS, 'list'])
  }

  /** To its first snapshot. It works on the filesystem's default subvolume, which is put back for those who mount without naming one. */
  async rollback(): Promise<number> {
    await runTool(BTRFS, ['subvolume', 'set-default', this.#peer.root])
    const milliseconds = await this.#peer.time([SNAPPER, NO_DBUS, '--ambit', 'classic', 'rollback', '1'])
    await runTool(BTRFS, ['subvolume', 'set-default', TOP_LEVEL, this.#peer.top])
    return milliseconds
  }

  /** Debian's menu, written to a file that nobody reads. */
  grubMkconfig(): Promise<number> {
    return this.#peer.time(['/usr/sbin/grub-mkconfig', '-o', '/boot/grub/measured.cfg'])
  }
}
