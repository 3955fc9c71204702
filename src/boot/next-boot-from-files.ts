import { BeName } from '../snap/names.ts'
import { ENV_VARIABLES, readEnvVariables, saveEnvVariable } from './env-block.ts'
import { readEntryFile, readFragment, type EntryContent, type FragmentContent } from './menu-fragment-reader.ts'

/** The files on the GRUB partition that decide what is started. */
export interface GrubFiles {
  /** belay/env; null when it is missing. */
  readonly env: Uint8Array | null
  /** belay/menu.cfg; null when it is missing. */
  readonly fragment: string | null
  /** Text of each boot set's entry.cfg; null for a set without one. */
  readonly entries: ReadonlyMap<BeName, string | null>
  /** Boot sets whose kernel or initrd is missing or empty, as far as known. */
  readonly unloadable?: ReadonlySet<BeName>
}

/** `confirmed`: the env block is lost and the fragment remembers; `any`: nothing but the boot sets themselves is left. */
export type WhatBootsReason = 'once' | 'trial' | 'good' | 'confirmed' | 'any'

export interface WhatBoots {
  readonly be: BeName
  readonly why: WhatBootsReason
  readonly kernel: string
  readonly initrd: string
  readonly arguments: readonly string[]
  /** Boot environments that GRUB tries first and cannot load. */
  readonly failed: readonly BeName[]
  /** The env block as GRUB leaves it; null when there is none. */
  readonly envAfter: Uint8Array | null
}

interface Chosen {
  readonly be: BeName
  readonly why: WhatBootsReason
  readonly content: EntryContent
}

/**
 * What GRUB starts when it is given these files, by the rules of grub-cfg.ts: the two are tested on the same vectors (test/integration/boot).
 * Null: nothing can be started, GRUB restarts the machine.
 */
export function whatBoots(files: GrubFiles): WhatBoots | null {
  const fragment = files.fragment === null ? null : readFragment(files.fragment)
  const { first, envAfter, failed } = chooseFirst(files, fragment)
  let chosen = first
  while (chosen !== null && files.unloadable?.has(chosen.be) === true) {
    failed.push(chosen.be)
    chosen = chooseAgain(files, fragment, failed)
  }
  return chosen === null ? null : { be: chosen.be, why: chosen.why, ...chosen.content, failed, envAfter }
}

function chooseFirst(
  files: GrubFiles,
  fragment: FragmentContent | null,
): { readonly first: Chosen | null; readonly envAfter: Uint8Array | null; readonly failed: BeName[] } {
  let env = files.env
  const read = (name: string): string => variable(env, name)
  /** Whether the variable reads back as it was set; a block with two lines of one name changes in the first and is read from the last. */
  const save = (name: string, value: string): boolean => {
    const after = env === null ? null : saveEnvVariable(env, name, value)
    env = after ?? env
    return after !== null && read(name) === value
  }
  const skip = read(ENV_VARIABLES.skip)
  if (skip !== '') {
    save(ENV_VARIABLES.skip, '')
    const failed = [...skip.matchAll(/be-\d{6}/g)].map(([name]) => BeName.parse(name))
    return { first: chooseAgain(files, fragment, failed), envAfter: env, failed }
  }
  const once = find(files, fragment, read(ENV_VARIABLES.once), 'once')
  if (once !== null && save(ENV_VARIABLES.once, '')) return { first: once, envAfter: env, failed: [] }
  const left = read(ENV_VARIABLES.left)
  if (/^[123]$/.test(left)) {
    const trial = find(files, fragment, read(ENV_VARIABLES.trial), 'trial')
    if (trial !== null && save(ENV_VARIABLES.left, String(Number(left) - 1))) return { first: trial, envAfter: env, failed: [] }
  }
  return { first: chooseAgain(files, fragment, []), envAfter: env, failed: [] }
}

/** The part of the ladder that needs no attempt and no once: also where GRUB goes on when an entry could not be loaded. */
function chooseAgain(files: GrubFiles, fragment: FragmentContent | null, failed: readonly BeName[]): Chosen | null {
  const candidates: readonly (readonly [string, WhatBootsReason])[] = [
    [variable(files.env, ENV_VARIABLES.good), 'good'],
    [fragment?.confirmed ?? '', 'confirmed'],
    ...[...(fragment?.known ?? []), ...files.entries.keys()].map((name) => [name, 'any'] as const),
  ]
  for (const [name, why] of candidates) {
    const chosen = find(files, fragment, name, why)
    if (chosen !== null && !failed.includes(chosen.be)) return chosen
  }
  return null
}

function find(files: GrubFiles, fragment: FragmentContent | null, name: string, why: WhatBootsReason): Chosen | null {
  const parsed = BeName.safeParse(name)
  if (!parsed.success) return null
  const be = parsed.data
  const text = files.entries.get(be) ?? null
  const content = fragment?.located.has(be) === true ? fragment.entries.get(be) : text === null ? null : readEntryFile(text, be)
  return content === null || content === undefined ? null : { be, why, content }
}

const variable = (env: Uint8Array | null, name: string): string => (env === null ? '' : (readEnvVariables(env)?.get(name) ?? ''))
