// The main job, for real: a Debian appliance on a loop file is upgraded twice, taken back two versions and forward again.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import type { Appliance } from './appliance/appliance.ts'
import { createAppliance, recoverLeftovers } from './appliance/disk.ts'
import { subvolumeOf, whatGrubWouldBoot } from './appliance/grub-choice.ts'
import { ensureRootArchive } from './appliance/root-archive.ts'
import { type BelayRun, runBelay } from './story/belay-program.ts'
import { type Facts, readFacts } from './story/proofs.ts'
import { buildVendorRepository } from './vendor/repository.ts'

const began = performance.now()
const seconds = (): string => `${String(Math.round((performance.now() - began) / 1000)).padStart(3)} s`
const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const chapter = (text: string): void => {
  say(`\n${styleText(['bold', 'cyan'], `── ${text} `, { stream: process.stdout })}${styleText('dim', seconds(), { stream: process.stdout })}`)
}

class DemoFailure extends Error {}

const expect = (what: string, is: unknown, wanted: unknown): void => {
  const good = JSON.stringify(is) === JSON.stringify(wanted)
  say(
    `   ${good ? styleText('green', '✔', { stream: process.stdout }) : styleText('red', '✘', { stream: process.stdout })} ${what}: ${typeof is === 'string' ? is : JSON.stringify(is)}`,
  )
  if (!good) throw new DemoFailure(`${what} should be ${JSON.stringify(wanted)}`)
}

let appliance: Appliance | null = null
let directory: string | null = null

const cleanUp = async (): Promise<void> => {
  await appliance?.close()
  if (directory !== null) {
    await recoverLeftovers(join(directory, 'appliance'))
    await rm(directory, { recursive: true, force: true })
  }
}

let interrupted = false
let working: Promise<unknown> = Promise.resolve()
let workingPid: number | null = null

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    interrupted = true
    say('\nInterrupted; waiting for belay to stop at its next safe point, then cleaning up …')
    // A terminal sends Ctrl-C to belay too; a signal to this process alone is passed on.
    if (workingPid !== null) process.kill(workingPid, 'SIGINT')
    void working.then(cleanUp).finally(() => {
      process.exit(130)
    })
  })
}

const belay = async (machine: Appliance, ...args: string[]): Promise<void> => {
  say(styleText('bold', `   $ belay ${args.join(' ')}`, { stream: process.stdout }))
  const run = runBelay([...args, '--root', machine.root], {
    show: true,
    onStart: (pid) => {
      workingPid = pid
    },
  })
  working = run.catch(() => undefined)
  const { status } = await run
  workingPid = null
  if (interrupted) return new Promise(() => undefined)
  if (status !== 0) throw new DemoFailure(`belay ${args.join(' ')} ended with ${String(status)}`)
}

const quietly = (machine: Appliance, ...args: string[]): Promise<BelayRun> => runBelay([...args, '--root', machine.root])

/** What a power button does: GRUB reads its partition, the kernel mounts what it is told to. */
const reboot = async (machine: Appliance): Promise<void> => {
  const choice = await whatGrubWouldBoot(machine)
  if (choice === null) throw new DemoFailure('GRUB would find nothing to start')
  const status = JSON.parse((await quietly(machine, 'status', '--json')).stdout) as { next: { be: string } | null }
  expect('GRUB would start what status says (read by grub-fstest from the raw image)', choice.be, status.next?.be)
  await machine.boot(subvolumeOf(choice))
  say(`   … rebooted into ${subvolumeOf(choice)}`)
}

const tell = (facts: Facts): void => {
  say(`   kernel ${facts.kernel} · grub ${facts.grub} · application ${facts.application} · config ${facts.config} · data ${facts.data.slice(0, 12)}`)
}

const story = async (): Promise<void> => {
  chapter('A Debian 13 appliance on a loop file')
  const repository = await buildVendorRepository()
  const archive = await ensureRootArchive()
  directory = await mkdtemp(join(tmpdir(), 'belay-demo-'))
  appliance = await createAppliance({ directory: join(directory, 'appliance'), archive })
  const machine = appliance
  const server = await repository.serve()
  try {
    await machine.mountRoot('@rootfs')
    await machine.useRepository(server.url)
    const one = await readFacts(machine.root)
    tell(one)

    chapter('belay adopts it')
    await belay(machine, 'init', '--config', '/etc/acme', '--data-format', '/usr/share/acme/data-format', '--important', 'acme-*', '--yes')
    await reboot(machine)

    chapter('Upgrade to version 2: kernel, boot loader and application')
    repository.publish(['1.0.0', '2.0.0'])
    await belay(machine, 'upgrade', '--yes')
    await reboot(machine)
    await belay(machine, 'confirm')
    const two = await readFacts(machine.root)
    tell(two)
    expect('the application is', two.application, '2.0.0')
    expect('the kernel is newer', two.kernel !== one.kernel, true)
    expect('the boot loader is newer', two.grub !== one.grub, true)

    chapter('Upgrade to version 3, whose application writes its data in a new format')
    repository.publish(['1.0.0', '2.0.0', '3.0.0'])
    await belay(machine, 'upgrade', '--yes')
    await reboot(machine)
    await belay(machine, 'confirm')
    const three = await readFacts(machine.root)
    tell(three)
    expect('the application is', three.application, '3.0.0')
    await appendFile(join(machine.root, 'home/customer/notes.txt'), 'written while version 3 ran\n')
    const data = (await readFacts(machine.root)).data
    await belay(machine, 'list')

    chapter('Back two versions')
    const list = JSON.parse((await quietly(machine, 'list', '--json')).stdout) as { generations: { id: number; kind: string }[] }
    const first = list.generations.find((generation) => generation.kind === 'before-upgrade')?.id ?? 0
    const refused = await quietly(machine, 'rollback', String(first), '--yes')
    say(refused.stderr.trimEnd().replaceAll(/^/gm, '   '))
    expect('version 1 cannot read what version 3 wrote, so belay refuses (exit code)', refused.status, 10)
    await belay(machine, 'rollback', String(first), '--force', '--yes')
    await reboot(machine)
    await belay(machine, 'confirm')
    const back = await readFacts(machine.root)
    tell(back)
    expect('the kernel is the first one again', back.kernel, one.kernel)
    expect('the boot loader package is the first one again', back.grub, one.grub)
    expect('the application is the first one again', back.application, one.application)
    expect('its configuration is the first one again', back.config, one.config)
    expect('the customer’s data is what it was a moment ago', back.data, data)

    chapter('Forward again')
    await belay(machine, 'forward', '--yes')
    await reboot(machine)
    await belay(machine, 'confirm')
    const forward = await readFacts(machine.root)
    tell(forward)
    expect('everything is version 3 again', forward, { ...three, data })

    chapter('Back once more, with the configuration of now')
    await writeFile(join(machine.root, 'etc/acme/gateway.conf'), '# changed by the operator\ninterval=7\n')
    await belay(machine, 'rollback', String(first), '--keep-config', '--force', '--yes')
    await reboot(machine)
    await belay(machine, 'confirm')
    const kept = await readFacts(machine.root)
    tell(kept)
    expect('the application is the first one', kept.application, one.application)
    expect('the configuration is the newer one', kept.config, 'interval=7')
    expect('the customer’s data stayed', kept.data, data)
    await belay(machine, 'status')
    await belay(machine, 'doctor')
    chapter('Done')
  } finally {
    await server.close()
  }
}

try {
  await story()
} catch (error) {
  process.stderr.write(
    `${error instanceof DemoFailure ? `The demo failed: ${error.message}` : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exitCode = 1
} finally {
  await cleanUp()
}
