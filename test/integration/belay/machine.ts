import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Appliance } from '../../../demo/appliance/appliance.ts'
import { createAppliance, recoverLeftovers } from '../../../demo/appliance/disk.ts'
import { subvolumeOf, whatGrubWouldBoot } from '../../../demo/appliance/grub-choice.ts'
import type { Layout } from '../../../demo/appliance/partition-table.ts'
import { ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import { type BelayOptions, type BelayRun, runBelay } from '../../../demo/story/belay-program.ts'
import type { Suite } from '../../../demo/debian-archive.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { type Facts, readFacts } from '../../../demo/story/proofs.ts'
import { buildVendorRepository, type VendorRepository } from '../../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../../demo/vendor/repository-server.ts'
import type { DoctorReport } from '../../../src/operations/doctor-report.ts'
import type { GenerationList } from '../../../src/operations/list-generations.ts'
import type { OperationReport } from '../../../src/operations/operation-report.ts'
import type { Status } from '../../../src/operations/read-status.ts'
import { ErrorOutput, type ErrorReport, readOutput } from './json-output.ts'

interface MachineOptions {
  /** Default: trixie. The vendor's repository is the same: what is asked of it names no release. */
  readonly suite?: Suite
  readonly sizeBytes?: number
  readonly grubBytes?: number
  readonly layout?: Layout
  /** Leave it as the installer left it: not yet adopted. */
  readonly plain?: boolean
  /** More arguments of init. */
  readonly init?: readonly string[]
}

export interface JsonRun extends BelayRun {
  readonly output: unknown
}

/** Options go before a `--`, behind which all are names. */
const withOptions = (args: readonly string[], ...options: readonly string[]): string[] => {
  const end = args.indexOf('--')
  return end === -1 ? [...args, ...options] : [...args.slice(0, end), ...options, ...args.slice(end)]
}

/** A real appliance on loop devices, driven by the built program through --root. */
export class Machine {
  readonly appliance: Appliance
  readonly repository: VendorRepository
  server: RepositoryServer
  readonly #directory: string

  private constructor(appliance: Appliance, repository: VendorRepository, server: RepositoryServer, directory: string) {
    this.appliance = appliance
    this.repository = repository
    this.server = server
    this.#directory = directory
  }

  static async make(options: MachineOptions = {}): Promise<Machine> {
    const directory = await mkdtemp(join(tmpdir(), 'belay-test-'))
    const [repository, archive] = [await buildVendorRepository(), await ensureRootArchive(options.suite === undefined ? {} : { suite: options.suite })]
    repository.publish(['1.0.0'], { kernel: false, grub: false })
    const { sizeBytes, grubBytes, layout = 'grub-partition' } = options
    const appliance = await createAppliance({
      directory: join(directory, 'appliance'),
      archive,
      layout,
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(grubBytes === undefined ? {} : { grubBytes }),
    })
    const machine = new Machine(appliance, repository, await repository.serve(), directory)
    await appliance.mountRoot('@rootfs')
    await appliance.useRepository(machine.server.url)
    if (options.plain !== true) {
      await machine.must(
        'init',
        '--config',
        '/etc/acme',
        '--data-format',
        '/usr/share/acme/data-format',
        '--important',
        'acme-*',
        '--yes',
        ...(options.init ?? []),
      )
      await machine.reboot()
    }
    return machine
  }

  /** The same machine on another copy of its disk. */
  on(appliance: Appliance): Machine {
    return new Machine(appliance, this.repository, this.server, this.#directory)
  }

  /** For files that go with the machine. */
  get directory(): string {
    return this.#directory
  }

  get root(): string {
    return this.appliance.root
  }

  belay(args: readonly string[], options: BelayOptions = {}): Promise<BelayRun> {
    return runBelay(withOptions(args, '--root', this.root), options)
  }

  /** Run a command that has to work. */
  async must(...args: string[]): Promise<BelayRun> {
    const run = await this.belay(args)
    if (run.status !== 0) throw new Error(`belay ${args.join(' ')} ended with ${String(run.status)}\n${run.stdout}\n${run.stderr}`)
    return run
  }

  /** A run with --json: its exit code, and what it printed, which follows the published schema. */
  async json(args: readonly string[], options: BelayOptions = {}): Promise<JsonRun> {
    const run = await this.belay(withOptions(args, '--json'), options)
    return { ...run, output: readOutput(args[0] ?? '', run.stdout) }
  }

  /** A run that has to end with an error: the error, whose exit code is that of the process. */
  async refusal(args: readonly string[], options: BelayOptions = {}): Promise<ErrorReport> {
    const { status, output, stdout } = await this.json(args, options)
    const parsed = ErrorOutput.safeParse(output)
    if (!parsed.success || parsed.data.error.exitCode !== status) throw new Error(`belay ${args.join(' ')} ended with ${String(status)} and said\n${stdout}`)
    return parsed.data.error
  }

  async #json<Type>(...args: string[]): Promise<Type> {
    const { output, stdout } = await this.json(args)
    if (ErrorOutput.safeParse(output).success) throw new Error(`belay ${args.join(' ')} --json failed\n${stdout}`)
    return output as Type
  }

  status(): Promise<Status> {
    return this.#json('status')
  }

  list(): Promise<GenerationList> {
    return this.#json('list')
  }

  doctor(...args: string[]): Promise<DoctorReport> {
    return this.#json('doctor', ...args)
  }

  plan(...args: string[]): Promise<OperationReport> {
    return this.#json(...args, '--plan')
  }

  /** What a mutating command did that has to work. */
  operation(...args: string[]): Promise<OperationReport> {
    return this.#json(...args)
  }

  /** Work on the top level of the pool, which no running system sees. */
  async atTopLevel<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
    const directory = await mkdtemp(join(this.#directory, 'top-'))
    await runTool('/usr/bin/mount', ['-t', 'btrfs', '-o', 'subvolid=5', '--', this.appliance.btrfsDevice, directory])
    try {
      return await work(directory)
    } finally {
      await runTool('/usr/bin/umount', ['--', directory])
      await rm(directory, { recursive: true })
    }
  }

  /** Install a package behind belay's back, as apt itself would. */
  async install(...packages: string[]): Promise<void> {
    await this.appliance.run('/usr/bin/apt-get', ['--quiet', 'update'])
    await this.appliance.run('/usr/bin/apt-get', ['--quiet', '--yes', 'install', '--', ...packages])
  }

  facts(): Promise<Facts> {
    return readFacts(this.root)
  }

  /** Name of the boot environment that GRUB would start, read from the raw image. */
  async grubBoots(): Promise<string | null> {
    return (await whatGrubWouldBoot(this.appliance))?.be ?? null
  }

  /** Switch off and on, and say that the version that runs then is healthy. */
  async rebootAndConfirm(): Promise<void> {
    await this.reboot()
    await this.must('confirm')
  }

  /** Switch off and on. */
  async reboot(): Promise<void> {
    const choice = await whatGrubWouldBoot(this.appliance)
    if (choice === null) throw new Error('GRUB would find nothing to start')
    await this.appliance.boot(subvolumeOf(choice))
  }

  async close(): Promise<void> {
    await this.server.close()
    await this.appliance.close()
    await recoverLeftovers(join(this.#directory, 'appliance'))
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Codes of what doctor found wrong, reboots and notes left out. */
export const problemsOf = (report: DoctorReport): string[] =>
  report.findings.filter((finding) => finding.severity === 'problem').map((finding) => `${finding.code}: ${finding.text}`)
