import type { Files } from '../sys/ports.ts'
import { nextBoot } from '../boot/boot-choice.ts'
import type { BootFiles } from './boot-files.ts'
import type { RebootNote } from './reboot-note.ts'
import type { BeName } from './names.ts'

interface RebootNoteOptions {
  readonly files: Files
  readonly boot: BootFiles
  /** The boot environment that is mounted at the target's root, and whether an upgrade of it is on trial and waits for its first boot. */
  readonly readSituation: () => Promise<{ readonly running: BeName | null; readonly trialOfRunning: boolean }>
  /** `/run` of the machine; null for an appliance that is only mounted: a note in its /run would be gone at its boot. */
  readonly runDirectory: string | null
}

const PACKAGE = 'belay'

/** The note as Debian's packages leave it (update-notifier-common, unattended-upgrades): a text, and the names of those who asked. */
export const createRebootNote = ({ files, boot, readSituation, runDirectory }: RebootNoteOptions): RebootNote => {
  const isNeeded = async (): Promise<boolean> => {
    const { choice } = await boot.readChoice()
    const { running, trialOfRunning } = await readSituation()
    // The last attempt of a trial runs now: a reboot would leave it, not start it.
    return trialOfRunning || (choice !== null && nextBoot(choice).be !== running && (running === null || choice.trial !== running))
  }
  const readNames = async (path: string): Promise<string[]> =>
    (await files.stat(path)) === null ? [] : (await files.readText(path)).split('\n').filter((line) => line !== '')
  return {
    async bringUpToDate(text) {
      if (runDirectory === null) return
      const flag = `${runDirectory}/reboot-required`
      const names = `${flag}.pkgs`
      const others = (await readNames(names)).filter((name) => name !== PACKAGE)
      if (await isNeeded()) {
        if ((await files.stat(flag)) === null) await files.writeAtomic(flag, `*** ${text}: a reboot is needed ***\n`, 0o644)
        await files.writeAtomic(names, `${[...others, PACKAGE].join('\n')}\n`, 0o644)
      } else if ((await readNames(names)).includes(PACKAGE)) {
        if (others.length > 0) await files.writeAtomic(names, `${others.join('\n')}\n`, 0o644)
        else {
          await files.remove(names)
          await files.remove(flag)
        }
      }
    },
    async isSet() {
      if (runDirectory === null) return isNeeded()
      return (await readNames(`${runDirectory}/reboot-required.pkgs`)).includes(PACKAGE)
    },
  }
}
