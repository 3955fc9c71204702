import type { Runner } from '../../sys/ports.ts'

/** A runner whose tools run inside a root directory by way of libexec/enter-root; on the running system it is the runner itself. */
export const runnerInRoot = (runner: Runner, root: string, enterRoot: string): Runner =>
  root === '/'
    ? runner
    : {
        run: (tool, args, options) => runner.run(enterRoot, [root, tool, ...args], options),
        stream: (tool, args, options) => runner.stream(enterRoot, [root, tool, ...args], options),
      }
