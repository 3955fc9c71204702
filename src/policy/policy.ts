import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { ExtraArgument } from '../boot/kernel-arguments.ts'
import { InvalidFileError } from '../errors.ts'
import { whyInRoot } from './system-paths.ts'
import { UnitName } from './unit-name.ts'

/** A path as a person names it, without anything that could be written in two ways. */
export const Path = z
  .string()
  .regex(/^\/(?:[^/\0\n]+(?:\/[^/\0\n]+)*)$/, 'must be an absolute path without a slash at its end')
  .refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'must not have . or .. in it')
const ConfigPath = Path.superRefine((path, context) => {
  const why = whyInRoot(path, 'config')
  if (why !== null) context.addIssue({ code: 'custom', message: `cannot be ${path}, which ${why}` })
})
/** In its last part only: a directory is named in full, so that every file that it can mean is known. */
const FileGlob = Path.refine((path) => !/[*?]/.test(path.slice(0, path.lastIndexOf('/'))), 'may have * and ? in its last part only')
const PackageGlob = z.string().regex(/^[a-z0-9*?][a-z0-9+.*?-]*$/, 'must be a Debian package name, * and ? allowed')

const DebconfAnswer = z.strictObject({
  package: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be a Debian package name'),
  question: z.string().regex(/^[A-Za-z0-9+._/-]+$/, 'must be a debconf question such as package/name'),
  type: z.enum(['string', 'boolean', 'select', 'multiselect', 'note', 'text', 'password', 'title', 'error']),
  value: z.string().regex(/^[^\0\n]*$/, 'must be one line'),
})

/**
 * What the owner of an appliance decides: /etc/belay/config.yaml. It is part of the boot environment, so an older belay may meet a newer
 * file after a rollback by hand of single packages: unknown keys are errors all the same, because a misspelt key must not be ignored silently.
 */
export const Policy = z.strictObject({
  format: z.literal(1),
  /** Directories of the application's configuration; each is a filesystem of its own. */
  config: z.array(ConfigPath).default([]),
  /** Paths that init leaves in root although they are not the operating system. */
  inRoot: z.array(Path).default([]),
  /** Files that are the machine's own and not the version's: whichever version boots gets them as they were in the one before. */
  identity: z
    .array(FileGlob)
    .default([
      '/etc/machine-id',
      '/var/lib/dbus/machine-id',
      '/etc/hostid',
      '/etc/ssh/ssh_host_*_key',
      '/etc/ssh/ssh_host_*_key.pub',
      '/etc/ssh/ssh_host_*_key-cert.pub',
    ]),
  /** Units that --quiesce stops while a restore point is taken. */
  quiesce: z.array(UnitName).default([]),
  packages: z
    .strictObject({
      /** Packages whose versions `list` shows. */
      important: z.array(PackageGlob).default(['linux-image-*', 'grub-pc', 'grub-efi-*']),
      /** What happens to a configuration file that was changed here and by the package: keep ours or take the new one. */
      conffiles: z.enum(['keep', 'new']).default('keep'),
      debconf: z.array(DebconfAnswer).default([]),
      /** A file of the application's package that holds its data format as a semantic version. */
      dataFormat: Path.nullable().default(null),
    })
    .prefault({}),
  boot: z
    .strictObject({
      kernelArguments: z.array(ExtraArgument).default([]),
      /** Seconds until a panicked kernel reboots. */
      panicSeconds: z.int().min(1).max(600).default(10),
      /** Entries in front of the menu; the rest is in a submenu. */
      menuEntries: z.int().min(2).max(20).default(8),
      timeoutSeconds: z.int().min(0).max(600).default(5),
      serial: z
        .strictObject({ unit: z.int().min(0).max(3), speed: z.int().min(1200).max(115200) })
        .nullable()
        .default(null),
    })
    .prefault({}),
  trial: z
    .strictObject({
      attempts: z.int().min(1).max(3).default(3),
      /** Healthy boots in a row that confirm a version. */
      healthyBoots: z.int().min(1).max(3).default(1),
      /** Seconds after the start of a trial's boot by which it must have been found healthy. */
      deadline: z.int().min(60).max(86_400).default(900),
    })
    .prefault({}),
  health: z
    .strictObject({
      /** Units that must be active. */
      units: z.array(UnitName).default([]),
      /** What the machine must have of the network. */
      network: z.enum(['none', 'default-route']).default('none'),
      /** Seconds that each program in /etc/belay/health.d may take. */
      timeLimit: z.int().min(1).max(3600).default(60),
    })
    .prefault({}),
  upgrade: z
    .strictObject({
      /** After a failure that only a boot undoes: wait for the operator, or reboot at once. */
      onFailure: z.enum(['wait', 'reboot']).default('wait'),
    })
    .prefault({}),
  apt: z
    .strictObject({
      /** Packages that ask for a restore point when apt is run by somebody else than belay. */
      packages: z.array(PackageGlob).default(['*']),
      /** When no restore point can be taken: stop apt, or let it go on and flag that run. */
      onFailure: z.enum(['block', 'continue-and-flag']).default('continue-and-flag'),
      /** While what runs waits for its confirmation: stop apt, or let it go on and flag that run. */
      duringTrial: z.enum(['block', 'continue-and-flag']).default('block'),
      /** Seconds that apt waits for its restore point. */
      timeLimit: z.int().min(5).max(600).default(60),
    })
    .prefault({}),
  retention: z
    .strictObject({
      /** How many of the newest generations `prune` leaves. */
      newest: z.int().min(1).max(100_000).default(10),
      /** Generations younger than this many days are left too. */
      days: z.int().min(0).max(36_500).default(0),
      /** Generations older than this many days go although they are among the newest; null for no such age. */
      maxDays: z.int().min(1).max(36_500).nullable().default(null),
      /** Room that is to be free on the pool: while less is, the oldest generations go, one at a time. The larger of the two counts. */
      freeGiB: z.int().min(0).max(1_048_576).default(0),
      freePercent: z.int().min(0).max(90).default(0),
      /** How many of the newest stay when room is wanted. */
      least: z.int().min(1).max(100_000).default(3),
      /** Days for which a torn boot environment is left for whoever looks into what happened. */
      tornDays: z.int().min(0).max(36_500).default(14),
      /** Prune after each confirmation. */
      automatic: z.boolean().default(true),
    })
    .prefault({}),
  space: z
    .strictObject({
      /** MiB that stay free on the root pool beyond what an operation needs. */
      marginMiB: z.int().min(0).max(1_048_576).default(256),
      /** MiB held back on the pool, to be released when an undo needs room. */
      reserveMiB: z.int().min(0).max(65_536).default(64),
      /** MiB held back on the GRUB partition. */
      grubReserveMiB: z.int().min(0).max(1024).default(4),
    })
    .prefault({}),
})
export type Policy = z.infer<typeof Policy>

/** Code of the refusal where an adopted appliance has none. */
export const POLICY_MISSING = 'policy-missing'

export const defaultPolicy = (): Policy => Policy.parse({ format: 1 })

const place = (counter: LineCounter, offset: number): string => {
  const { line, col } = counter.linePos(offset)
  return `line ${String(line)}, column ${String(col)}`
}

/**
 * Parse config.yaml.
 * @throws InvalidFileError naming the file with line and column of each fault.
 */
export const parsePolicy = (text: string, file: string): Policy => {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true })
  const faults = document.errors.map((error) => `${place(counter, error.pos[0])}: ${error.message}`)
  if (faults.length === 0) {
    const result = Policy.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {})
    if (result.success) return result.data
    for (const issue of result.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol')
      const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
      faults.push(
        `${place(counter, offsetOf(document, unknownKey === undefined ? path : [...path, unknownKey], unknownKey !== undefined))}: ${path.join('.') || 'the file'}: ${issue.message}`,
      )
    }
  }
  throw new InvalidFileError(`${file} is not valid:\n  ${faults.join('\n  ')}`, {
    next: [`edit ${file}`, 'man belay-config.yaml   (names every key)'],
    data: { file, faults },
  })
}

/** Offset of the value at a path, of the key when asked, of the nearest parent that exists otherwise. */
const offsetOf = (document: ReturnType<typeof parseDocument>, path: readonly (string | number)[], key: boolean): number => {
  for (let length = path.length; length >= 0; length -= 1) {
    const parent = path.slice(0, length)
    if (key && length === path.length) {
      const map: unknown = document.getIn(path.slice(0, -1), true)
      const pair = (map as { items?: { key?: { value?: unknown; range?: [number, number, number] } }[] } | undefined)?.items?.find(
        (item) => item.key?.value === path.at(-1),
      )
      if (pair?.key?.range) return pair.key.range[0]
      continue
    }
    const node = document.getIn(parent, true) as { range?: [number, number, number] } | undefined
    if (node?.range) return node.range[0]
  }
  return 0
}
