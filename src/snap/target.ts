/** The appliance that belay works on: the running system, or one that is mounted at a directory. */
export interface Target {
  /** Absolute, without a slash at its end; `/` for the running system. */
  readonly root: string
  /** True when the boot environment at root is the one that the kernel runs. */
  readonly live: boolean
}

/** A path of the appliance as a path of the machine that belay runs on. */
export const inTarget = (target: Target, path: string): string => (target.root === '/' ? path : path === '/' ? target.root : `${target.root}${path}`)

export const CONFIG_FILE = '/etc/belay/config.yaml'
export const GRUB_PARTITION = '/boot/grub'
