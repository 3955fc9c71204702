import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { buildVendorRepository, sourcesList } from '../../demo/vendor/repository.ts'
import { withBelayArchive } from '../../test/vm/lab/belay-archive.ts'
import { quote } from '../../test/vm/lab/guest.ts'
import { VirtualMachine } from '../../test/vm/lab/virtual-machine.ts'
import { INIT } from '../../test/vm/story/adopted-machine.ts'
import { LONG_SECONDS } from '../../test/vm/story/long-seconds.ts'
import { COMMONJS } from '../../tools/build-program.ts'
import { parseTimed, TIMER } from './timed-command.ts'

const TIMER_IN_MACHINE = '/root/time-command.bash'
/** Where the bundle finds belay's own files as belay does. */
const FILLER = '/usr/lib/belay/dist/fill-machine.js'

/** A machine with its root on OpenZFS that belay adopted. Its processor is emulated, so what is measured there is compared with what else runs there. */
export class ZfsMachine implements AsyncDisposable {
  readonly #machine: VirtualMachine

  private constructor(machine: VirtualMachine) {
    this.#machine = machine
  }

  static async adopted(): Promise<ZfsMachine> {
    const vendor = await buildVendorRepository({ zfs: true })
    vendor.publish(['1.0.0'], { kernel: false, grub: false })
    const server = await vendor.serve()
    const machine = await VirtualMachine.make({ filesystem: 'zfs' })
    try {
      await machine.start()
      await machine.must(`printf %s ${quote(sourcesList(machine.addressOf(server.url)))} >/etc/apt/sources.list && apt-get -q update`, { timeoutSeconds: 300 })
      await withBelayArchive((archive) => machine.put(archive, '/root/belay.deb'))
      await machine.must('apt-get -q -y install /root/belay.deb', { timeoutSeconds: LONG_SECONDS })
      await machine.must(`belay ${INIT}`, { timeoutSeconds: LONG_SECONDS })
      await machine.reboot()
      await machine.put(TIMER, TIMER_IN_MACHINE)
      return new ZfsMachine(machine)
    } catch (error) {
      await machine.close()
      throw error
    } finally {
      await server.close()
    }
  }

  /** Runs a whole process, with all that was written before on disk. @returns milliseconds from fork to exit */
  async time(...command: readonly [string, ...string[]]): Promise<number> {
    const words = command.map(quote).join(' ')
    return parseTimed(await this.#machine.must(`zpool sync; sync; bash ${TIMER_IN_MACHINE} ${words}`, { timeoutSeconds: LONG_SECONDS }), command)
  }

  /** The dataset at a mount point. */
  async datasetAt(path: string): Promise<string> {
    return (await this.#machine.must(`findmnt --noheadings --output SOURCE ${quote(path)}`)).trim()
  }

  async takeManyGenerations(count: number, volumes: number): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'belay-bench-'))
    try {
      const bundle = join(directory, 'fill-machine.js')
      await build({
        entryPoints: [join(import.meta.dirname, 'fill-machine.ts')],
        outfile: bundle,
        bundle: true,
        format: 'esm',
        platform: 'node',
        target: 'node24',
        banner: { js: COMMONJS },
        external: ['typescript'],
        logLevel: 'warning',
      })
      await this.#machine.put(bundle, FILLER)
      const command = `/usr/lib/belay/runtime/node ${FILLER} ${String(count)} ${String(volumes)}`
      await this.#machine.must(command, { timeoutSeconds: 2 * LONG_SECONDS })
    } finally {
      await rm(directory, { recursive: true })
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#machine.close()
  }
}
