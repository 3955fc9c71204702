import { stringify } from 'yaml'
import { UsageError } from '../errors.ts'
import { type GrubDefaults, readGrubDefaults } from '../boot/grub-defaults.ts'
import { defaultPolicy, Policy, parsePolicy } from '../policy/policy.ts'
import { pathInside } from '../snap/path-inside.ts'
import type { Files } from '../sys/ports.ts'

const GRUB_DEFAULTS = '/etc/default/grub'

interface PolicyRequest {
  /** The machine's or image's root directory. */
  readonly root: string
  readonly file: string | null
  readonly config: readonly string[]
  readonly inRoot: readonly string[]
  readonly dataFormat: string | null
  readonly important: readonly string[]
}

interface PreparedPolicy {
  readonly text: string
  readonly policy: Policy
  /** What the operator should know of it. */
  readonly notices: readonly string[]
}

/** What the owner told Debian's GRUB: kernel arguments, time-out and serial line go on in belay's menu. */
const askDebiansGrub = async (files: Files, root: string): Promise<GrubDefaults> => {
  const isFile = async (path: string): Promise<boolean> => (await files.stat(path))?.kind === 'file'
  const main = await pathInside(files, root, GRUB_DEFAULTS)
  const more = await pathInside(files, root, `${GRUB_DEFAULTS}.d`)
  const names = (await files.stat(more))?.kind === 'directory' ? (await files.list(more)).filter((name) => name.endsWith('.cfg')).toSorted() : []
  const texts: string[] = []
  for (const path of [main, ...names.map((name) => `${more}/${name}`)]) if (await isFile(path)) texts.push(await files.readText(path))
  return readGrubDefaults(texts)
}

/** The flags of init that end in a key of config.yaml. */
const FLAGS: Readonly<Record<string, string>> = {
  config: '--config',
  inRoot: '--in-root',
  'packages.important': '--important',
  'packages.dataFormat': '--data-format',
}

/** @throws UsageError naming each flag whose value config.yaml could not hold */
const refuseFlags = (draft: unknown): void => {
  const faults = Policy.safeParse(draft).error?.issues.flatMap(({ path, message }) => {
    const flag = FLAGS[path.filter((part) => typeof part === 'string').join('.')]
    return flag === undefined ? [] : [`${flag} ${message}`]
  })
  if (faults !== undefined && faults.length > 0) throw new UsageError(faults.join('\n'), { next: ['belay init --help'] })
}

/**
 * The config.yaml that init writes: a given file as it is, or the defaults with what the command line named and what the machine's GRUB was told.
 * @throws InvalidFileError for a file, UsageError for flags
 */
export const makePolicy = async (files: Files, request: PolicyRequest): Promise<PreparedPolicy> => {
  if (request.file !== null) {
    const text = await files.readText(request.file)
    return { text, policy: parsePolicy(text, request.file), notices: [] }
  }
  const defaults = defaultPolicy()
  const grub = await askDebiansGrub(files, request.root)
  const draft = {
    ...defaults,
    config: request.config,
    inRoot: request.inRoot,
    boot: {
      ...defaults.boot,
      kernelArguments: grub.kernelArguments,
      timeoutSeconds: grub.timeoutSeconds ?? defaults.boot.timeoutSeconds,
      serial: grub.serial,
    },
    packages: { ...defaults.packages, important: [...defaults.packages.important, ...request.important], dataFormat: request.dataFormat },
  }
  refuseFlags(draft)
  const text = `# What belay does on this machine; man belay-config.yaml names every key.\n${stringify(draft)}`
  return {
    text,
    policy: parsePolicy(text, 'config.yaml as init would write it'),
    notices: [...grub.leftOut.map((what) => `not taken over from ${GRUB_DEFAULTS}: ${what}`), ...(await missingDataFormat(files, request))],
  }
}

/** A package may bring the file later; a slip of the pen would leave data without its guard, and nobody would know. */
const missingDataFormat = async (files: Files, { root, dataFormat }: PolicyRequest): Promise<string[]> =>
  dataFormat === null || (await files.stat(await pathInside(files, root, dataFormat))) !== null
    ? []
    : [`${dataFormat} is not there: until a package brings it, belay cannot tell which version reads which data`]
