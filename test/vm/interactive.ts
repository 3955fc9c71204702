// An appliance for a developer: this terminal is its console, with GRUB's menu; belay's package and the vendor's repository are at hand.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { cacheDirectoryOf } from '../../demo/cache/cache-directory.ts'
import { buildVendorRepository, sourcesList } from '../../demo/vendor/repository.ts'
import { findAccelerator } from './lab/accelerator.ts'
import { withBelayArchive } from './lab/belay-archive.ts'
import { quote } from './lab/guest.ts'
import { ROOT_PASSWORD } from './lab/prepare-root.ts'
import { VirtualMachine } from './lab/virtual-machine.ts'

const USAGE = `npm run vm -- [--filesystem btrfs|zfs] [--suite trixie|bookworm] [--layout grub-partition|boot-partition] [--firmware bios|efi] [--keep] [--fresh]

  --filesystem  what the root is on; default: btrfs
  --suite       release of Debian; default: trixie
  --layout      grub-partition: second partition at /boot/grub (the default); boot-partition: at /boot, as Debian's installer makes it, for btrfs
  --firmware    what starts the machine; default: bios
  --keep        keep the disk, and go on with it the next time
  --fresh       forget a disk that was kept
`
const Options = z.object({
  filesystem: z.enum(['btrfs', 'zfs']).default('btrfs'),
  suite: z.enum(['trixie', 'bookworm']).default('trixie'),
  layout: z.enum(['grub-partition', 'boot-partition']).default('grub-partition'),
  firmware: z.enum(['bios', 'efi']).default('bios'),
  keep: z.boolean().default(false),
  fresh: z.boolean().default(false),
})

const say = (text: string): void => {
  // The terminal is raw while QEMU has it.
  process.stderr.write(`${text}\r\n`)
}

function readOptions(): z.infer<typeof Options> | null {
  try {
    const type = 'string' as const
    const { values } = parseArgs({
      options: { filesystem: { type }, suite: { type }, layout: { type }, firmware: { type }, keep: { type: 'boolean' }, fresh: { type: 'boolean' } },
    })
    return Options.parse(values)
  } catch {
    return null
  }
}

async function run({ filesystem, suite, layout, firmware, keep, fresh }: z.infer<typeof Options>): Promise<void> {
  const kept = join(cacheDirectoryOf(process.env), 'kept', `${suite}-${filesystem}-${firmware}-${layout}`)
  if (fresh) await rm(kept, { recursive: true, force: true })
  if (keep) await mkdir(kept, { recursive: true })
  say('Looking for the image; the first time it is made, which takes minutes.')
  await using machine = await VirtualMachine.make({ filesystem, suite, layout, firmware, console: 'terminal', ...(keep ? { keepIn: kept } : {}) })
  const repository = await buildVendorRepository({ suite, zfs: filesystem === 'zfs' })
  const server = await repository.serve()
  try {
    await withBelayArchive(async (archive) => {
      say(`Starting it with ${(await findAccelerator()).name} on ${machine.disk}. Ctrl-A X switches it off, Ctrl-A H shows more keys.`)
      const url = machine.addressOf(server.url)
      say(`Once it is up, root is logged in (password for emergencies: ${ROOT_PASSWORD}), /root/belay.deb is there, and apt knows ${url}`)
      await machine.switchOn()
      const prepared = machine.arrive().then(async () => {
        await machine.must(`printf %s ${quote(sourcesList(url))} >/etc/apt/sources.list`)
        await machine.put(archive, '/root/belay.deb')
      })
      await Promise.race([prepared, machine.off()])
      prepared.catch(() => undefined)
      await machine.off()
    })
  } finally {
    await server.close()
  }
  if (keep) say(`The disk stays in ${kept}; the next start with --keep goes on with it.`)
}

const options = readOptions()
if (options === null) {
  process.stderr.write(USAGE)
  process.exitCode = 2
} else {
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.exit(1)
    })
  }
  await run(options)
}
