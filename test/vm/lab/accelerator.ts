import { execa } from 'execa'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const QEMU = '/usr/bin/qemu-system-x86_64'

/** `-accel`, `-cpu` and `-smp` of QEMU. */
export interface Accelerator {
  readonly name: 'kvm' | 'tcg'
  readonly args: readonly string[]
}

const KVM: Accelerator = { name: 'kvm', args: ['-accel', 'kvm', '-cpu', 'host', '-smp', '2'] }

/**
 * Emulation of one processor. Two make a boot on an idle machine a fifth faster and cost a third more in all; on a busy machine they wait for each
 * other, until the guest's kernel sees lockups. Seen with QEMU 7.2: with AVX and without SVM, mount(8) and udevd of Debian 13 fail in the guest.
 * With SVM, udevd loads kvm at every boot; paging with five levels costs one more look-up for each page. With ERMS the guest copies and clears memory by
 * instructions that are emulated byte by byte: mkinitramfs takes a quarter more.
 */
const TCG: Accelerator = { name: 'tcg', args: ['-accel', 'tcg', '-cpu', 'max,svm=off,la57=off,avx=off,avx2=off,erms=off', '-smp', '1'] }

const PROBE_MS = 5000
const ANSWER = 0x2a

/** A boot sector that writes to QEMU's isa-debug-exit: mov dx, 0x501; mov al, ANSWER; out dx, al; hlt. */
function probeSector(): Buffer {
  const sector = Buffer.alloc(512)
  Buffer.from([0xba, 0x01, 0x05, 0xb0, ANSWER, 0xee, 0xf4]).copy(sector)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

let found: Promise<Accelerator> | null = null

/** KVM where a guest gets through its firmware with it in a few seconds, else emulation: the device node alone says little. Asked once for each process. */
export function findAccelerator(): Promise<Accelerator> {
  found ??= isKvmUsable().then((isUsable) => (isUsable ? KVM : TCG))
  return found
}

async function isKvmUsable(): Promise<boolean> {
  const hasDevice = await access('/dev/kvm').then(
    () => true,
    () => false,
  )
  if (!hasDevice) return false
  const directory = await mkdtemp(join(tmpdir(), 'belay-kvm-'))
  try {
    const disk = join(directory, 'probe.raw')
    await writeFile(disk, probeSector())
    const devices = ['-device', 'isa-debug-exit,iobase=0x501,iosize=1', '-drive', `file=${disk},format=raw,if=ide,readonly=on`]
    const args = [...KVM.args, '-m', '64', '-nodefaults', '-no-user-config', '-display', 'none', ...devices]
    const { exitCode } = await execa(QEMU, args, { reject: false, timeout: PROBE_MS, killSignal: 'SIGKILL', stdio: 'ignore' })
    // isa-debug-exit ends QEMU with twice the value and one.
    return exitCode === ANSWER * 2 + 1
  } finally {
    await rm(directory, { recursive: true })
  }
}
