import type { PackageDecision } from './packages.ts'

/** A configuration file that a new package ships, and what is known of it here. Digests are MD5 in hex, as dpkg keeps them. */
export interface ShippedConffile {
  readonly path: string
  /** Package and version, for people. */
  readonly by: string
  readonly shipped: string
  /** The default that dpkg installed last; null when dpkg does not know the file. */
  readonly recorded: string | null
  /** What is on disk; null when there is no such file. */
  readonly present: string | null
}

const reasonToAsk = ({ shipped, recorded, present, by }: ShippedConffile): string | null => {
  if (present === shipped) return null
  if (recorded === null) return present === null ? null : `made here, and also shipped by ${by}`
  if (shipped === recorded || present === recorded) return null
  return present === null ? `removed here, and changed by ${by}` : `changed here and by ${by}`
}

/** The files that dpkg would ask about (dpkg 1.21, src/main/configure.c), with the answer of policy. */
export const decideConffiles = (files: readonly ShippedConffile[], answer: 'keep' | 'new'): PackageDecision[] =>
  files.flatMap((file) => {
    const reason = reasonToAsk(file)
    if (reason === null) return []
    const beside = answer === 'keep' ? 'what the package ships is put beside it as .dpkg-dist' : 'what was here is put beside it as .dpkg-old'
    return [{ subject: file.path, answer, why: `${reason}; policy says packages.conffiles: ${answer}, ${beside}` }]
  })
