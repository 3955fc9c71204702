import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/**
 * A PC in QEMU (TCG) with Debian's GRUB for BIOS on a raw disk. Its one partition is an ext4 GRUB partition; nothing is mounted: it is filled by mkfs and read
 * back with debugfs. BELAY_TEST_GRUB_ROOT names another root directory (a debootstrap of Debian 13, say) whose GRUB is used instead of this machine's.
 */
const GRUB_ROOT = process.env['BELAY_TEST_GRUB_ROOT'] ?? '/'
const GRUB_PLATFORM = 'usr/lib/grub/i386-pc'
const PARTITION_OFFSET = 1024 * 1024
const PARTITION_BYTES = 48 * 1024 * 1024
const SECTOR = 512

/** The boot.img of the GRUB under test. */
export const BOOT_IMAGE = join(GRUB_ROOT, GRUB_PLATFORM, 'boot.img')

/** One start of the printing kernel, as it came over the serial line. */
export interface SeenBoot {
  readonly commandLine: string
  readonly initrd: string
}

/** Everything a machine said on its serial port, and the boots in it. */
export interface SeenRun {
  readonly boots: readonly SeenBoot[]
  readonly serial: string
}

/** Files of the GRUB partition by relative path; null makes a directory, `linkTo` a symbolic link, `holeOf` a file of that many bytes without blocks. */
export type PartitionContent = Readonly<Record<string, string | Buffer | null | { readonly linkTo: string } | { readonly holeOf: number }>>

/** UUID of the machine's GRUB partition. */
const GRUB_UUID = '6b1f3c52-0d6e-4c7d-9a53-0c3f5a3e7a11'

interface GrubMachineOptions {
  /** Bytes of the core image; default: an ordinary one, which reads /grub.cfg of the partition. */
  readonly core?: Buffer
}

export class GrubMachine implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'belay-grub-'))
  readonly disk = join(this.directory, 'disk.img')

  constructor(content: PartitionContent, { core = ordinaryCore() }: GrubMachineOptions = {}) {
    const tree = join(this.directory, 'tree')
    const modules = join(tree, 'i386-pc')
    mkdirSync(modules, { recursive: true })
    const platform = join(GRUB_ROOT, GRUB_PLATFORM)
    for (const name of readdirSync(platform)) if (/\.(?:mod|lst)$/.test(name)) writeFileSync(join(modules, name), readFileSync(join(platform, name)))
    for (const [path, wanted] of Object.entries(content)) {
      const full = join(tree, path)
      mkdirSync(wanted === null ? full : dirname(full), { recursive: true })
      if (wanted === null) continue
      if (typeof wanted === 'string' || Buffer.isBuffer(wanted)) writeFileSync(full, wanted)
      else if ('linkTo' in wanted) symlinkSync(wanted.linkTo, full)
      else execFileSync('/usr/bin/truncate', ['--size', String(wanted.holeOf), '--', full])
    }
    this.#makeDisk(tree, platform, core)
  }

  /** Lets the machine run until it has started the printing kernel `boots` times, or shown `until`, typing each answer when its prompt was seen. */
  async run(options: {
    readonly boots: number
    readonly until?: string
    readonly type?: readonly { readonly after: string; readonly keys: string }[]
    readonly timeoutMs?: number
  }): Promise<SeenRun> {
    const { boots, until, type = [], timeoutMs = 60_000 } = options
    const qemu = spawn(
      '/usr/bin/qemu-system-x86_64',
      [
        '-accel',
        'tcg',
        '-m',
        '128',
        '-no-user-config',
        '-nodefaults',
        '-vga',
        'std',
        '-display',
        'none',
        '-serial',
        'stdio',
        '-drive',
        `file=${this.disk},format=raw,if=ide,cache=writethrough`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    let serial = ''
    let typed = 0
    const ended = new Promise<void>((resolve) =>
      qemu.on('close', () => {
        resolve()
      }),
    )
    const timer = setTimeout(() => qemu.kill('SIGKILL'), timeoutMs)
    qemu.stdout.on('data', (chunk: Buffer) => {
      serial += chunk.toString('latin1')
      const next = type[typed]
      if (next !== undefined && serial.includes(next.after)) {
        typed += 1
        qemu.stdin.write(next.keys)
      }
      if (seenBoots(serial).length >= boots || (until !== undefined && serial.includes(until))) qemu.kill('SIGKILL')
    })
    await ended
    clearTimeout(timer)
    return { boots: seenBoots(serial).slice(0, boots), serial }
  }

  /** A file as it is on the disk, no journal replayed. */
  read(path: string): Buffer {
    const out = join(this.directory, 'dumped')
    rmSync(out, { force: true })
    execFileSync('/usr/sbin/debugfs', ['-R', `dump /${path} ${out}`, `${this.disk}?offset=${String(PARTITION_OFFSET)}`], { stdio: 'ignore' })
    return readFileSync(out)
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }

  #makeDisk(tree: string, platform: string, core: Buffer): void {
    const boot = Buffer.from(readFileSync(join(platform, 'boot.img')))
    // One MBR partition of type 83; boot.img has code for floppies in the table's place, and expects core.img from sector 1 on.
    boot.fill(0, 446, 510)
    boot.writeUInt8(0x80, 446)
    boot.writeUInt8(0x83, 450)
    boot.writeUInt32LE(PARTITION_OFFSET / SECTOR, 454)
    boot.writeUInt32LE(PARTITION_BYTES / SECTOR, 458)
    boot.writeUInt16LE(0xaa55, 510)
    writeFileSync(this.disk, Buffer.concat([boot, core]))
    execFileSync('/usr/bin/truncate', ['--size', String(PARTITION_OFFSET + PARTITION_BYTES), this.disk])
    // orphan_file and metadata_csum_seed are defaults of newer mke2fs that GRUB 2.06 does not know.
    execFileSync(
      '/usr/sbin/mkfs.ext4',
      [
        '-q',
        '-F',
        '-O',
        '^orphan_file,^metadata_csum_seed',
        '-U',
        GRUB_UUID,
        '-d',
        tree,
        '-E',
        `offset=${String(PARTITION_OFFSET)}`,
        this.disk,
        `${String(PARTITION_BYTES / 1024)}k`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
  }
}

/** Lets a program of the GRUB root make a core image. grub-mkimage syncs what it writes, so it cannot write into a pipe. */
function makeCore(files: Readonly<Record<string, Buffer>>, command: (directory: string) => readonly [string, ...string[]]): Buffer {
  const inside = mkdtempSync(join(GRUB_ROOT, 'tmp/belay-grub-core-'))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(inside, name), bytes, { mode: 0o755 })
  const [program, ...args] = command(join('/', relative(GRUB_ROOT, inside)))
  if (GRUB_ROOT === '/') execFileSync(program, args)
  else execFileSync('/usr/sbin/chroot', [GRUB_ROOT, program, ...args])
  const core = readFileSync(join(inside, 'core.img'))
  rmSync(inside, { recursive: true })
  return core
}

/** The core image that grub-install makes. */
const ordinaryCore = (): Buffer =>
  makeCore({}, (directory) => [
    '/usr/bin/grub-mkimage',
    '-d',
    `/${GRUB_PLATFORM}`,
    '-O',
    'i386-pc',
    '-o',
    `${directory}/core.img`,
    '-p',
    '(hd0,msdos1)/',
    'biosdisk',
    'part_msdos',
    'ext2',
  ])

const LIBEXEC = join(import.meta.dirname, '../../../libexec')

/** The core image that belay makes (libexec/make-core-image), or one with another stub in the place of belay's. */
export const coreWithStub = (configuration: string, options: { readonly path?: string; readonly stub?: string } = {}): Buffer =>
  makeCore(
    {
      'make-core-image': readFileSync(join(LIBEXEC, 'make-core-image')),
      'make-stub': readFileSync(join(LIBEXEC, 'make-stub')),
      'grub-stub.cfg': Buffer.from(options.stub ?? readFileSync(join(LIBEXEC, 'grub-stub.cfg'))),
      'belay.cfg': Buffer.from(configuration),
    },
    (directory) => [`${directory}/make-core-image`, `${directory}/core.img`, `${directory}/belay.cfg`, GRUB_UUID, options.path ?? '', '--hint=hd0,msdos1'],
  )

function seenBoots(serial: string): SeenBoot[] {
  return [...serial.matchAll(/BOOTED ([^\r\n]*)[\r\n]+INITRD ([^\r\n]*)[\r\n]+END/g)].map(([, commandLine = '', initrd = '']) => ({ commandLine, initrd }))
}
