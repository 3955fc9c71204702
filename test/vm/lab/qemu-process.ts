import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { findAccelerator, QEMU } from './accelerator.ts'

const SETPRIV = '/usr/bin/setpriv'
const START_MS = 20_000
const STDERR_KEPT = 4000

/** A disk beside the machine's own. */
export interface RawDisk {
  readonly file: string
  readonly isReadOnly?: boolean
}

export interface Hardware {
  /** qcow2; flushes are not passed on to this machine's disk. */
  readonly disk: string
  /** /dev/vdb and on. */
  readonly moreDisks?: readonly RawDisk[]
  /** Flash chips of an EFI firmware: its code, and the variables of this machine. Null for a BIOS. */
  readonly flash: { readonly code: string; readonly variables: string } | null
  readonly memoryMib: number
  /** A watchdog timer on the PCI bus, which resets the machine. */
  readonly hasWatchdog?: boolean
  /** An empty file, which gets a log of all that the disk is told (see test/power-cuts/write-log.ts). */
  readonly writeLog?: string
  /** Where the first serial line goes: to the lab, or to the terminal of this process, with QEMU's keys (Ctrl-A X ends it). */
  readonly console: 'lab' | 'terminal'
}

/** A running QEMU, stopped before its first instruction, and the ends of its lines. */
export interface QemuProcess {
  /** First serial line; null when the terminal has it. */
  readonly console: Socket | null
  /** Second serial line. */
  readonly shell: Socket
  readonly control: Socket
  /** Resolves when the process has ended. Gives what it wrote to stderr. */
  readonly ended: Promise<string>
  readonly kill: () => void
}

/** Sockets that QEMU connects to, as a client: nothing has to be tried again until it listens. */
async function listen(path: string): Promise<{ readonly server: Server; readonly connected: Promise<Socket> }> {
  const server = createServer()
  const connected = once(server, 'connection').then(([socket]) => {
    server.close()
    return socket as Socket
  })
  connected.catch(() => undefined)
  server.listen(path)
  await once(server, 'listening')
  return { server, connected }
}

/**
 * Starts a machine. It ends with this process, however that ends.
 * @param directory for its sockets
 */
export async function startQemu(directory: string, hardware: Hardware): Promise<QemuProcess> {
  const accelerator = await findAccelerator()
  const names = ['control', 'shell', ...(hardware.console === 'lab' ? ['console'] : [])]
  const lines = await Promise.all(names.map(async (name) => ({ name, path: join(directory, name), ...(await listen(join(directory, name))) })))
  const consoleDevice = hardware.console === 'lab' ? `socket,id=console,path=${join(directory, 'console')}` : 'stdio,id=console,mux=on,signal=off'
  const args = [
    ...accelerator.args,
    ...['-m', String(hardware.memoryMib), '-nodefaults', '-no-user-config', '-display', 'none', '-S', '-no-reboot'],
    ...['-chardev', consoleDevice, '-serial', 'chardev:console', ...(hardware.console === 'terminal' ? ['-mon', 'chardev=console'] : [])],
    ...['-chardev', `socket,id=shell,path=${join(directory, 'shell')}`, '-serial', 'chardev:shell'],
    ...['-qmp', `unix:${join(directory, 'control')}`],
    ...['-netdev', 'user,id=network', '-device', 'virtio-net-pci,netdev=network,romfile='],
    ...['-device', 'virtio-rng-pci'],
    ...(hardware.hasWatchdog === true ? ['-device', 'i6300esb', '-action', 'watchdog=reset'] : []),
    ...(hardware.writeLog === undefined ? diskArguments(hardware.disk) : recordedDiskArguments(hardware.disk, hardware.writeLog)),
    ...(hardware.moreDisks ?? []).flatMap(rawDiskArguments),
    ...(hardware.flash === null ? [] : flashArguments(hardware.flash)),
  ]
  const child = spawn(SETPRIV, ['--pdeathsig', 'KILL', '--', QEMU, ...args], {
    stdio: hardware.console === 'lab' ? ['ignore', 'ignore', 'pipe'] : ['inherit', 'inherit', 'pipe'],
    // Ctrl-C at the terminal is for the guest, or for the process that runs the scenario, which knows what to clean up.
    detached: hardware.console === 'lab',
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)
  })
  const ended = once(child, 'close').then(() => stderr)
  const early = ended.then((text) => Promise.reject(new Error(`QEMU ended at once: ${text}`)))
  early.catch(() => undefined)
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => {
      reject(new Error('QEMU did not connect its lines'))
    }, START_MS).unref()
  })
  late.catch(() => undefined)
  try {
    const sockets = await Promise.race([Promise.all(lines.map(({ connected }) => connected)), early, late])
    const [control, shell, console = null] = sockets
    if (control === undefined || shell === undefined) throw new Error('QEMU has no control connection')
    return { console, shell, control, ended, kill: () => child.kill('SIGKILL') }
  } catch (error) {
    child.kill('SIGKILL')
    for (const { server } of lines) server.close()
    throw error
  }
}

/** A crash of this machine is nothing that a scenario tests, so no flush has to reach its disk. What ends QEMU in order writes all. */
const diskArguments = (file: string): string[] => ['-drive', `file=${file},format=qcow2,if=virtio,cache=unsafe,discard=unmap`]

/**
 * Flushes reach the log, and nothing below it. Merged requests would have as many parts as a write of this machine may have, and the log adds one of its own,
 * which fails (QEMU 7.2, blklogwrites.c).
 */
const recordedDiskArguments = (file: string, log: string): string[] => [
  ...['-blockdev', `driver=qcow2,node-name=image,discard=unmap,cache.no-flush=on,file.driver=file,file.filename=${file}`],
  ...['-blockdev', `driver=file,node-name=log,cache.no-flush=on,filename=${log}`],
  ...['-blockdev', 'driver=blklogwrites,node-name=recorded,file=image,log=log,discard=unmap'],
  ...['-device', 'virtio-blk-pci,drive=recorded,request-merging=off'],
]

const rawDiskArguments = ({ file, isReadOnly = false }: RawDisk): string[] => [
  ...['-drive', `file=${file},format=raw,if=virtio,cache=unsafe,discard=unmap,readonly=${isReadOnly ? 'on' : 'off'}`],
]

const flashArguments = ({ code, variables }: { readonly code: string; readonly variables: string }): string[] => [
  ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${code}`],
  ...['-drive', `if=pflash,unit=1,format=raw,file=${variables},cache=unsafe`],
]
