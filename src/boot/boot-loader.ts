import { BelayError } from '../errors.ts'
import type { Files, Log, Runner } from '../sys/ports.ts'

/** Whether GRUB on this machine's disk holds belay's stub, which finds a configuration also when grub.cfg is damaged; null: it cannot, or belay cannot tell. */
export interface BootLoader {
  hasStub(): Promise<boolean | null>
  /** Best effort: without the stub GRUB starts as it did before. Returns whether it is there now. */
  installStub(): Promise<boolean>
}

/** The kernel makes it where the firmware is EFI. */
const EFI = '/sys/firmware/efi'
/** Long enough that nothing is killed in the middle of a write to a slow disk, 10 minutes. */
const INSTALL_MS = 600_000
/** Exit statuses of libexec/install-core-image and install-efi-stub. */
const STATUS = { done: 0, failed: 1, lacking: 3, impossible: 4 } as const

/** The boot loader of the running machine, by the shell programs that Debian's grub-install is wrapped in as well. */
export function createBootLoader(options: {
  readonly files: Files
  readonly runner: Runner
  readonly log: Log
  readonly installCoreImage: string
  readonly installEfiStub: string
}): BootLoader {
  const { files, runner, log } = options
  const run = async (args: readonly string[]): Promise<number | null> => {
    const program = (await files.stat(EFI)) === null ? options.installCoreImage : options.installEfiStub
    try {
      const { status, stderr } = await runner.run(program, args, { expect: Object.values(STATUS), timeoutMs: INSTALL_MS })
      if (status === STATUS.failed) log.warn('GRUB’s core image could not be made or installed', { program, stderr })
      return status
    } catch (error) {
      if (!(error instanceof BelayError)) throw error
      log.warn('GRUB’s core image could not be looked at', { program, error: error.message })
      return null
    }
  }
  return {
    async hasStub() {
      const status = await run(['--check'])
      return status === STATUS.done ? true : status === STATUS.lacking ? false : null
    },
    async installStub() {
      return (await run([])) === STATUS.done
    },
  }
}

/** For a root that is not the running one: its disk may be anything, and grub's tools find no partitions on loop devices. */
export const noBootLoader: BootLoader = { hasStub: () => Promise.resolve(null), installStub: () => Promise.resolve(false) }
