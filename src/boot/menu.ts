import { numberOf, type BeName } from '../snap/names.ts'
import type { BootChoice } from './boot-choice.ts'
import { asciiTitle } from './menu-title.ts'

export interface MenuEntry {
  readonly be: BeName
  /** Printable ASCII, one line. */
  readonly title: string
  /** The kernel command line, one argument an item. */
  readonly arguments: readonly string[]
}

export interface Menu {
  readonly front: readonly MenuEntry[]
  /** For the submenu. */
  readonly rest: readonly MenuEntry[]
}

/** A boot environment whose boot set was verified. */
export interface MenuCandidate {
  readonly be: BeName
  /** The generation that it stands for; null while it is the one in use. */
  readonly generation: number | null
  /** ISO time of the generation, or of the boot environment when it stands for none. */
  readonly createdAt: string
  /** The generation that it was cloned from; null for the first one. */
  readonly origin: number | null
  /** Free text of the operator or of belay, any Unicode. */
  readonly reason: string
  readonly kernelVersion: string
  /** What GRUB starts by itself: the good one or the trial. */
  readonly isCurrent: boolean
  readonly keep: boolean
  readonly isFactory: boolean
  readonly arguments: readonly string[]
}

const FRONT_ENTRIES = 8

/**
 * Which boot environments stand in front of the menu and which in its submenu, newest first with the factory last. In front are always those that the
 * choice names, the current ones and the factory's, then the newest, the kept ones, and the next newest as far as `frontEntries` goes.
 */
export function planMenu(input: {
  readonly product: string
  readonly candidates: readonly MenuCandidate[]
  readonly choice: BootChoice | null
  readonly frontEntries?: number
  /** IANA name of the zone in which titles tell the time. */
  readonly timeZone?: string
}): Menu {
  const { product, choice, frontEntries = FRONT_ENTRIES, timeZone = 'UTC' } = input
  const candidates = input.candidates.toSorted(newestFirst)
  const named = new Set([choice?.good, choice?.trial, choice?.once])
  const front = new Set(candidates.filter(({ be, isCurrent, isFactory }) => named.has(be) || isCurrent || isFactory))
  for (const candidate of [...candidates.slice(0, 1), ...candidates.filter(({ keep }) => keep), ...candidates]) {
    if (front.size < frontEntries) front.add(candidate)
  }
  const entry = (candidate: MenuCandidate): MenuEntry => ({ be: candidate.be, title: title(candidate, product, timeZone), arguments: candidate.arguments })
  const inFront = candidates.filter((candidate) => front.has(candidate))
  return {
    front: [...inFront.filter(({ isFactory }) => !isFactory), ...inFront.filter(({ isFactory }) => isFactory)].map(entry),
    rest: candidates.filter((candidate) => !front.has(candidate)).map(entry),
  }
}

function title(candidate: MenuCandidate, product: string, timeZone: string): string {
  const { be, generation, isCurrent, isFactory, keep, reason, kernelVersion } = candidate
  const version = generation !== null ? `version ${String(generation)}` : isCurrent ? 'current version' : `version of ${be}`
  const marks = [...(isFactory ? ['factory'] : []), ...(keep && !isFactory ? ['kept'] : [])]
  const parts = [
    product,
    marks.length === 0 ? version : `${version} (${marks.join(', ')})`,
    localMinute(candidate.createdAt, timeZone),
    reason.trim() === '' ? `linux ${kernelVersion}` : reason,
  ]
  return asciiTitle(parts.join(' - '))
}

/** `2026-11-21 14:03`; the text itself when it is not a time. */
function localMinute(iso: string, timeZone: string): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return iso
  if (timeZone === 'UTC') return time.toISOString().slice(0, 16).replace('T', ' ')
  // Swedish writes dates the ISO way.
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone }).format(time)
}

/** By number and not by time: a clock that was set back must not put the newest versions behind the old ones. */
const newestFirst = (a: MenuCandidate, b: MenuCandidate): number =>
  (b.generation ?? b.origin ?? 0) - (a.generation ?? a.origin ?? 0) || numberOf(b.be) - numberOf(a.be)
