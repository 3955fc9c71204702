import type { Files } from '../sys/ports.ts'

/** Where a login message goes. */
export interface LoginMessageFile {
  /** Replace the message; null: there is nothing to say. */
  write(text: string | null): Promise<void>
}

const FILE = 'belay'

/**
 * A file of its own in motd.d below /run: pam_motd shows what lies there at each login without starting anything (its default `motd_dir` since Linux-PAM 1.3.1,
 * which Debian 12 and 13 use for sshd and login), and it is gone at the next boot.
 * @param runDirectory `/run` of the machine; null for an appliance that is only mounted, where nobody logs in
 */
export const createLoginMessageFile = (files: Files, runDirectory: string | null): LoginMessageFile => ({
  async write(text) {
    if (runDirectory === null) return
    const path = `${runDirectory}/motd.d/${FILE}`
    if (text === null) {
      if ((await files.stat(path)) !== null) await files.remove(path)
      return
    }
    await files.makeDirectory(`${runDirectory}/motd.d`, 0o755)
    await files.writeAtomic(path, text, 0o644)
  },
})
