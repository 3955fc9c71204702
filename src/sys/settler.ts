import type { Files, Log, Runner, Settler } from './ports.ts'

/** What libexec/freeze-thaw answers when the filesystem has no freeze operation (tmpfs, overlay, FAT of old kernels) and was synced instead. */
const CANNOT_FREEZE = 3

/**
 * Freezes and thaws through libexec/freeze-thaw. The script's text is read when the settler is made and handed to the shell on standard input,
 * because belay may replace its own files while it runs.
 */
export function createShellSettler(options: { readonly runner: Runner; readonly files: Files; readonly log: Log; readonly script: string }): Settler {
  const { runner, files, log, script } = options
  const text = files.readText(script)
  text.catch(() => undefined)
  return {
    async settle(mountpoint) {
      const { status, stderr } = await runner.run('/bin/sh', ['-s', '--', mountpoint], { input: await text, expect: [0, CANNOT_FREEZE] })
      if (status !== CANNOT_FREEZE) return
      log.warn('the filesystem cannot be frozen; it was synced instead', { mountpoint, stderr })
    },
  }
}
