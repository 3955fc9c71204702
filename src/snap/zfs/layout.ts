import { BugError } from '../../errors.ts'
import { BeName, DataName, GenerationName } from '../names.ts'

/** Where belay keeps its datasets on a pool. */
export interface ZfsLayout {
  /** Holds the boot environments, `rpool/ROOT`. */
  readonly environments: string
  /** Holds nothing itself. */
  readonly top: string
  readonly state: string
  /** Empty, and its reservation is what is held back for undo. */
  readonly reserve: string
  readonly data: string
  /** Holds the datasets to which the snapshots of destroyed ones were moved. */
  readonly kept: string
}

/**
 * @param pool its name
 * @param environments the parent of the root dataset that was adopted
 */
export const layoutOf = (pool: string, environments: string): ZfsLayout => {
  const top = `${pool}/belay`
  return { environments, top, state: `${top}/state`, reserve: `${top}/reserve`, data: `${top}/data`, kept: `${top}/kept` }
}

const NAME = { be: BeName, data: DataName } as const
export type FilesystemKind = keyof typeof NAME

/** Names come from journals and indexes too: one that leads elsewhere must not get far. */
export const datasetOf = (layout: ZfsLayout, kind: FilesystemKind, name: BeName | DataName): string => {
  if (!NAME[kind].safeParse(name).success) throw new BugError(`a ${kind} cannot be called ${name}`, { data: { kind, name } })
  return `${kind === 'be' ? layout.environments : layout.data}/${name}`
}

/** The pool in which a dataset or snapshot lies. */
export const poolPart = (name: string): string => /^[^/@]*/.exec(name)?.[0] ?? name

/** The part of a snapshot's name after the @. */
export const snapshotPart = (name: string): string => name.slice(name.indexOf('@') + 1)
/** The dataset that has a snapshot. */
export const datasetPart = (name: string): string => (name.includes('@') ? name.slice(0, name.indexOf('@')) : name)

export const isGenerationName = (text: string): text is GenerationName => GenerationName.safeParse(text).success
