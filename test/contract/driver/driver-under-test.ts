import type { Driver, OwnObject } from '../../../src/snap/driver.ts'
import type { Volume } from '../../../src/snap/model.ts'
import type { Files } from '../../../src/sys/ports.ts'

export type ForeignKind = OwnObject['kind'] | 'state'

/** What the suite needs of a driver and of the machine around it. */
export interface DriverUnderTest {
  readonly driver: Driver
  /** Reads and writes by the directories that the driver names. */
  readonly files: Files
  /** A root that was there before belay, filled by `fillInstalledRoot`, and the directory where it is mounted. */
  readonly installed: { readonly volume: Volume; readonly directory: string }
  /** A driver of another process on the same pool. */
  reopen(): Promise<Driver>
  /** A driver whose process dies before its change number `changes` + 1; nothing is changed or cleaned up after that. It throws ProcessDeath then. */
  mortal(changes: number): Promise<Driver>
  /** Mount a volume at a directory of the suite's. */
  mount(volume: Volume): Promise<{ readonly directory: string; readonly unmount: () => Promise<void> }>
  /** Make a volume that is not belay's, mounted, with a file `customer.txt` in it; the system mounts it by itself. */
  makeMounted(): Promise<{ readonly volume: Volume; readonly directory: string; readonly unmount: () => Promise<void> }>
  /** Make something that has the name of an object of belay's and not its mark; answers with the path of a file `precious` in it. */
  makeForeign(kind: ForeignKind, name: string): Promise<string>
  /** Make an empty volume that is not belay's at a path that does not exist inside another volume's directory. */
  makeNested(directory: string): Promise<void>
  /** Let the filesystem refuse to destroy a volume, which nothing says beforehand; null where it can be kept from nothing. */
  hold(volume: Volume): Promise<{ readonly letGo: () => Promise<void> } | null>
  /** What dpkg does to a directory on purge: remove what is in it and then itself, volume or not. */
  purge(directory: string): Promise<void>
  release(): Promise<void>
}

export const INSTALLED_FSTAB = `# /etc/fstab: static file system information.
UUID=11111111-2222-4333-8444-555555555555 / btrfs defaults,noatime,subvol=@rootfs 0 0
UUID=66666666-7777-4888-8999-aaaaaaaaaaaa /boot/grub ext4 defaults 0 2

//server/share /mnt/share cifs ro,noauto 0 0
`

/** Put into a directory what a small appliance has; `lead-out` is a link to `outside`, a directory that no driver may touch. */
export const fillInstalledRoot = async (files: Files, root: string, outside: string): Promise<void> => {
  const write = async (path: string, content: string, mode: number): Promise<void> => {
    await files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755)
    await files.writeAtomic(path, content, mode)
  }
  await write(`${root}/usr/bin/gateway`, 'gateway 1\n', 0o755)
  await write(`${root}/etc/fstab`, INSTALLED_FSTAB, 0o644)
  await write(`${root}/etc/app/app.conf`, 'listen = 80\n', 0o640)
  await write(`${root}/etc/app/inner/inner.conf`, 'level = 1\n', 0o600)
  await write(`${root}/srv/files/customer.txt`, 'customer\n', 0o600)
  await write(`${root}/srv/files/shared/letter.txt`, 'letter\n', 0o664)
  await files.symlink('customer.txt', `${root}/srv/files/latest`)
  await files.makeDirectory(`${outside}/app`, 0o755)
  await files.writeAtomic(`${outside}/app/untouched`, 'untouched\n')
  await files.symlink(outside, `${root}/lead-out`)
}
