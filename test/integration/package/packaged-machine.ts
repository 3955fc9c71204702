import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ToolOutcome } from '../../../demo/run-tool.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { type BelayRepository, buildBelayRepository } from '../belay/belay-package.ts'
import { Machine } from '../belay/machine.ts'

const GRUB_FSTEST = '/usr/bin/grub-fstest'

/** An appliance whose apt knows belay's packages: everything is done inside it, by the installed program, on `/`. */
export class PackagedMachine {
  readonly machine: Machine
  readonly packages: BelayRepository

  private constructor(machine: Machine, packages: BelayRepository) {
    this.machine = machine
    this.packages = packages
  }

  /** The first version is the one that apt offers. */
  static async make(versions: readonly [string, ...string[]]): Promise<PackagedMachine> {
    const packages = await buildBelayRepository(versions)
    packages.publish([versions[0]])
    const machine = await Machine.make({ plain: true })
    await appendFile(join(machine.root, 'etc/apt/sources.list'), `deb [trusted=yes] ${packages.server.url} ./\n`)
    return new PackagedMachine(machine, packages)
  }

  /** apt-get as an administrator calls it. */
  async apt(...args: string[]): Promise<ToolOutcome> {
    await this.run('/usr/bin/apt-get', ['--quiet', 'update'])
    return this.run('/usr/bin/apt-get', ['--quiet', '--yes', '--no-install-recommends', ...args])
  }

  /** As on a machine of its own: in a chroot apt's hook lets runs go unless it is told otherwise. */
  run(program: string, args: readonly string[], { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<ToolOutcome> {
    return this.machine.appliance.run(program, args, { env: { BELAY_APT: 'on', ...env } })
  }

  /** The installed belay, whatever its exit code. */
  belay(args: readonly string[], options: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<ToolOutcome> {
    return this.machine.appliance.run('/usr/bin/belay', args, { ...options, expect: [0, 1, 2, 10, 11, 12, 13, 14, 20, 21] })
  }

  async json<Type>(...args: string[]): Promise<Type> {
    return JSON.parse((await this.belay([...args, '--json'])).stdout) as Type
  }

  read(path: string): Promise<string> {
    return readFile(join(this.machine.root, path), 'utf8')
  }

  write(path: string, content: string): Promise<void> {
    return writeFile(join(this.machine.root, path), content)
  }

  /** Files and directories of one filesystem of the machine that changed after a file did. */
  async changedSince(marker: string, mountpoint: '/' | '/boot/grub'): Promise<string[]> {
    const { root } = this.machine
    const start = join(root, mountpoint)
    // find names the places where other filesystems are mounted, too.
    const { stdout } = await runTool('/usr/bin/find', [start, '-xdev', '-newer', marker, '-printf', '%D %p\n'])
    const device = (await runTool('/usr/bin/stat', ['--format=%d', '--', start])).stdout.trim()
    return stdout.split('\n').flatMap((line) => (line.startsWith(`${device} `) ? [line.slice(device.length + 1 + root.length) || '/'] : []))
  }

  /** What GRUB's own filesystem code finds in the pool at paths that a menu names. From the image: the kernel may have older blocks of the loop device cached. */
  async grubReadsFromPool(path: string): Promise<void> {
    const { rawImage, root } = this.machine.appliance
    await runTool('/usr/bin/btrfs', ['filesystem', 'sync', '--', root])
    await runTool(GRUB_FSTEST, [rawImage, 'cp', `(loop0,gpt3)${path}`, '/dev/null'])
  }

  /** UUID and path of every subvolume of the pool. */
  async subvolumes(): Promise<string[]> {
    const list = await this.machine.atTopLevel((top) => runTool('/usr/bin/btrfs', ['subvolume', 'list', '-u', '--', top]))
    return list.stdout
      .split('\n')
      .map((line) => line.replace(/^.* uuid /, ''))
      .sort()
  }

  async close(): Promise<void> {
    await this.machine.close()
    await this.packages.close()
  }
}
