import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { createAppliance, recoverLeftovers, type ApplianceOptions } from '../../demo/appliance/disk.ts'
import { subvolumeOf, whatGrubWouldBoot } from '../../demo/appliance/grub-choice.ts'
import { ensureRootArchive } from '../../demo/appliance/root-archive.ts'
import { runTool } from '../../demo/run-tool.ts'
import { FailedError, RefusedError } from '../../src/errors.ts'
import { timeCommand } from './timed-command.ts'

const CHECKOUT = join(import.meta.dirname, '../..')
const PROGRAM = ['bin', 'dist', 'libexec', 'hooks', 'schemas']
const INIT = ['init', '--data-format', '/usr/share/acme/data-format', '--important', 'acme-*', '--yes']
const RELEASE_TRIES = 10
const RELEASE_PAUSE = 500
const CONFIG = ['--config', '/etc/acme']

/** Everything that a run of the benchmarks takes from this machine; `close` gives it all back, also in the middle of a measurement. */
export class Lab {
  readonly #directory: string
  readonly #appliances = new Set<string>()
  #closing: Promise<void> | null = null
  #count = 0

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async open(): Promise<Lab> {
    const lab = new Lab(await mkdtemp(join(tmpdir(), 'belay-bench-')))
    // A copy: a build that somebody starts meanwhile must not change what is measured.
    for (const part of PROGRAM) await cp(join(CHECKOUT, part), join(lab.#directory, 'program', part), { recursive: true })
    // As the package does when it is configured.
    await runTool(process.execPath, [join(lab.#directory, 'program/bin/write-compile-cache.js')])
    return lab
  }

  /** The built program with arguments, as a command line. */
  belay(...args: string[]): [string, ...string[]] {
    return [process.execPath, join(this.#directory, 'program/bin/belay.js'), ...args]
  }

  /** As Debian's installer leaves it, mounted. */
  async plainAppliance(options: Pick<ApplianceOptions, 'sizeBytes'> = {}): Promise<Appliance> {
    this.#refuseWhenClosing()
    this.#count += 1
    const directory = join(this.#directory, `appliance-${String(this.#count)}`)
    await mkdir(directory)
    this.#appliances.add(directory)
    const appliance = await createAppliance({ directory, archive: await ensureRootArchive(), ...options })
    await appliance.mountRoot('@rootfs')
    return appliance
  }

  /** Adopted by belay and rebooted. @param options `rootAlone`: the application's configuration stays in root */
  async adoptedAppliance(options: Pick<ApplianceOptions, 'sizeBytes'> & { readonly rootAlone?: boolean } = {}): Promise<Appliance> {
    const { rootAlone = false, ...size } = options
    const appliance = await this.plainAppliance(size)
    await this.run(appliance, ...INIT, ...(rootAlone ? [] : CONFIG))
    await this.reboot(appliance)
    return appliance
  }

  /** A belay command on an appliance. @returns milliseconds */
  run(appliance: Appliance, ...args: string[]): Promise<number> {
    this.#refuseWhenClosing()
    return timeCommand(this.belay(...args, '--root', appliance.root))
  }

  /** Mounts what GRUB would start, as a reboot does. */
  async reboot(appliance: Appliance): Promise<void> {
    const choice = await whatGrubWouldBoot(appliance)
    if (choice === null) throw new FailedError('nothing-to-boot', 'GRUB would find nothing to start', { rebootRequired: false })
    await appliance.boot(subvolumeOf(choice))
  }

  /** Gives an appliance back before the others. */
  async discard(appliance: Appliance): Promise<void> {
    await this.#release(appliance.directory)
    this.#appliances.delete(appliance.directory)
  }

  async close(): Promise<void> {
    this.#closing ??= this.#giveBack()
    await this.#closing
  }

  async #giveBack(): Promise<void> {
    for (const directory of this.#appliances) await this.#release(directory)
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Several times: after an interruption, what was being measured may itself still mount and unmount. */
  async #release(directory: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await recoverLeftovers(directory)
        await rm(directory, { recursive: true, force: true })
        return
      } catch (error) {
        if (tries === RELEASE_TRIES) throw error
        await sleep(RELEASE_PAUSE)
      }
    }
  }

  #refuseWhenClosing(): void {
    if (this.#closing !== null) throw new RefusedError('closing', 'the benchmark was interrupted')
  }
}
