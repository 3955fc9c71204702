/** What retention says of one generation, or of a boot environment that stands for none. */
export interface Verdict {
  readonly generation: number | null
  /** A boot environment that stands for no generation; null of a generation. */
  readonly be: string | null
  readonly goes: boolean
  /** Stable word for scripts: the rule that takes it, or what protects it. */
  readonly code: string
  readonly why: string
  /** Bytes that come free at least when it goes; null where the filesystem does not say. */
  readonly bytes: number | null
}
