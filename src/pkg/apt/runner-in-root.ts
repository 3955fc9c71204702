import type { Runner } from '../../sys/ports.ts'

interface Programs {
  /** Absolute paths of the programs in libexec. */
  readonly enterRoot: string
  readonly besideGrubCfg: string
}

/**
 * A runner whose tools run inside a root directory by way of libexec/enter-root. On the running system tools run as they are, but long ones,
 * which may call update-grub, by way of libexec/beside-grub-cfg.
 */
export const runnerInRoot = (runner: Runner, root: string, { enterRoot, besideGrubCfg }: Programs): Runner =>
  root === '/'
    ? { run: (tool, args, options) => runner.run(tool, args, options), stream: (tool, args, options) => runner.stream(besideGrubCfg, [tool, ...args], options) }
    : {
        run: (tool, args, options) => runner.run(enterRoot, [root, tool, ...args], options),
        stream: (tool, args, options) => runner.stream(enterRoot, [root, tool, ...args], options),
      }
