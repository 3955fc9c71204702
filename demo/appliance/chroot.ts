import { join } from 'node:path'
import { runTool, type ToolOptions, type ToolOutcome } from '../run-tool.ts'

const UNSHARE = '/usr/bin/unshare'
/** No PID namespace: systemd-detect-virt (257) calls one a container, and GRUB's hooks (2.12, zz-update-grub) do nothing in a container. */
const NAMESPACES = ['--mount', '--propagation', 'slave', '--']
const ENTER = join(import.meta.dirname, 'enter-chroot.sh')

/** Command and arguments that run a program inside a root: own /proc and /run, the machine's /dev, /sys and network. For callers with a way of their own to run tools. */
export const chrootCommand = (root: string, program: string, args: readonly string[]): readonly [string, ...string[]] => [
  UNSHARE,
  ...NAMESPACES,
  ENTER,
  root,
  program,
  ...args,
]

/**
 * Runs a program inside a root, without questions from debconf.
 * @throws ToolError when its status is not expected
 */
export async function runInChroot(root: string, program: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolOutcome> {
  const [command, ...rest] = chrootCommand(root, program, args)
  return runTool(command, rest, { ...options, env: { DEBIAN_FRONTEND: 'noninteractive', ...options.env } })
}
