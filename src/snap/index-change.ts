import type { BootEnvironment, BootHealth, DataVolume, Generation, Hold, Index, LastStart, Remain, Session, TrialHealth } from './model.ts'
import type { BeName, DataName, GenerationId } from './names.ts'

/** The fields of a loose record that this belay knows: Omit would lose them to the index signature. */
export type Known<Loose> = { [Key in keyof Loose as string extends Key ? never : Key]: Loose[Key] }

/** A record without the facts that are known only after the step that makes the object. */
export type GenerationDraft = Omit<Known<Generation>, 'members' | 'packages' | 'bootSet' | 'dataFormat'>
export type BeDraft = Omit<Known<BootEnvironment>, 'members' | 'bootSet' | 'dataFormat'>
export type DataDraft = Omit<Known<DataVolume>, 'volume'>

interface Update<Value> {
  readonly from: Value
  readonly to: Value
}

/**
 * One change to the index, as data. Every change that can come before a commit point has an inverse that follows from the change alone,
 * so that undo needs no copy of the old index. Numbers given out are never given back.
 */
export type IndexChange =
  | { readonly change: 'add-generation'; readonly record: Generation }
  | { readonly change: 'remove-generation'; readonly id: GenerationId }
  | { readonly change: 'keep-generation'; readonly id: GenerationId; readonly keep: Update<boolean>; readonly hold?: Update<Hold | null> }
  | { readonly change: 'generation-health'; readonly id: GenerationId; readonly health: Update<Generation['health']> }
  | { readonly change: 'add-be'; readonly record: BootEnvironment }
  | { readonly change: 'remove-be'; readonly name: BeName }
  | { readonly change: 'be-stands-for'; readonly name: BeName; readonly standsFor: Update<GenerationId | null> }
  | { readonly change: 'be-started'; readonly name: BeName; readonly startedAs: Update<GenerationId | null> }
  | { readonly change: 'be-confirmed'; readonly name: BeName; readonly confirmedAt: Update<string | null> }
  | { readonly change: 'be-torn'; readonly name: BeName; readonly tornAt: Update<string | null> }
  | { readonly change: 'be-members'; readonly name: BeName; readonly members: Update<BootEnvironment['members']> }
  | { readonly change: 'be-boot-set'; readonly name: BeName; readonly bootSet: Update<BootEnvironment['bootSet']> }
  | { readonly change: 'be-data-format'; readonly name: BeName; readonly dataFormat: Update<string | null> }
  | { readonly change: 'add-data'; readonly record: DataVolume }
  | { readonly change: 'remove-data'; readonly name: DataName }
  | { readonly change: 'data-format'; readonly name: DataName; readonly format: Update<string | null> }
  | { readonly change: 'left'; readonly left: Update<readonly GenerationId[]> }
  | { readonly change: 'factory'; readonly factory: Update<GenerationId | null> }
  | { readonly change: 'session'; readonly session: Update<Session | null> }
  | { readonly change: 'last-start'; readonly lastStart: Update<LastStart | null> }
  | { readonly change: 'remains'; readonly remains: Update<readonly Remain[]> }
  | { readonly change: 'trial-health'; readonly trialHealth: Update<TrialHealth | null> }
  | { readonly change: 'boot-health'; readonly bootHealth: Update<BootHealth | null> }
  | { readonly change: 'known-faults'; readonly knownFaults: Update<readonly string[]> }

type ChangeOf<Name extends IndexChange['change']> = Extract<IndexChange, { readonly change: Name }>

const swap = <Value>(update: Update<Value>): Update<Value> => ({ from: update.to, to: update.from })

/**
 * The change that takes another back; null for removals, which only ever come at or after a commit point.
 */
export const inverseOf = (change: IndexChange): IndexChange | null => {
  switch (change.change) {
    case 'add-generation':
      return { change: 'remove-generation', id: change.record.id }
    case 'add-be':
      return { change: 'remove-be', name: change.record.name }
    case 'add-data':
      return { change: 'remove-data', name: change.record.name }
    case 'remove-generation':
    case 'remove-be':
    case 'remove-data':
      return null
    case 'keep-generation':
      return { ...change, keep: swap(change.keep), ...(change.hold === undefined ? {} : { hold: swap(change.hold) }) }
    case 'generation-health':
      return { ...change, health: swap(change.health) }
    case 'be-stands-for':
      return { ...change, standsFor: swap(change.standsFor) }
    case 'be-started':
      return { ...change, startedAs: swap(change.startedAs) }
    case 'be-confirmed':
      return { ...change, confirmedAt: swap(change.confirmedAt) }
    case 'be-torn':
      return { ...change, tornAt: swap(change.tornAt) }
    case 'be-members':
      return { ...change, members: swap(change.members) }
    case 'be-boot-set':
      return { ...change, bootSet: swap(change.bootSet) }
    case 'be-data-format':
      return { ...change, dataFormat: swap(change.dataFormat) }
    case 'data-format':
      return { ...change, format: swap(change.format) }
    case 'left':
      return { ...change, left: swap(change.left) }
    case 'factory':
      return { ...change, factory: swap(change.factory) }
    case 'session':
      return { ...change, session: swap(change.session) }
    case 'last-start':
      return { ...change, lastStart: swap(change.lastStart) }
    case 'remains':
      return { ...change, remains: swap(change.remains) }
    case 'trial-health':
      return { ...change, trialHealth: swap(change.trialHealth) }
    case 'boot-health':
      return { ...change, bootHealth: swap(change.bootHealth) }
    case 'known-faults':
      return { ...change, knownFaults: swap(change.knownFaults) }
  }
}

const put = <Item>(items: readonly Item[], same: (item: Item) => boolean, record: Item): Item[] => [...items.filter((item) => !same(item)), record]

/** A record that is not there stays away: undo takes back changes that may never have been made. */
const alter = <Item>(items: readonly Item[], same: (item: Item) => boolean, patch: (item: Item) => Item): Item[] =>
  items.map((item) => (same(item) ? patch(item) : item))

/** Without a hold a record has no field for one, as those of a belay before holds. */
const keptAs = (record: Generation, { keep, hold }: ChangeOf<'keep-generation'>): Generation => {
  const kept = { ...record, keep: keep.to }
  if (hold === undefined) return kept
  if (hold.to !== null) return { ...kept, hold: hold.to }
  delete kept.hold
  return kept
}

/** One that is whole has no field for it, as those of a belay before that word. */
const tornAs = (record: BootEnvironment, { tornAt }: ChangeOf<'be-torn'>): BootEnvironment => {
  if (tornAt.to !== null) return { ...record, tornAt: tornAt.to }
  const whole = { ...record }
  delete whole.tornAt
  return whole
}

const withRemains = (index: Index, remains: readonly Remain[]): Index => {
  if (remains.length > 0) return { ...index, remains: [...remains] }
  const without = { ...index }
  delete without.remains
  return without
}

const generationNumbered = (id: GenerationId) => (generation: Generation) => generation.id === id
const beNamed = (name: BeName) => (be: BootEnvironment) => be.name === name
const dataNamed = (name: DataName) => (data: DataVolume) => data.name === name

const numberAfter = (next: number, name: string): number => Math.max(next, Number.parseInt(name.slice(name.lastIndexOf('-') + 1), 10) + 1)

/** The index after a change. Idempotent: applying a change that is in force already changes nothing. */
export const applyChange = (index: Index, change: IndexChange): Index => {
  switch (change.change) {
    case 'add-generation':
      return {
        ...index,
        next: { ...index.next, generation: Math.max(index.next.generation, change.record.id + 1) },
        generations: put(index.generations, generationNumbered(change.record.id), change.record).toSorted((a, b) => a.id - b.id),
      }
    case 'remove-generation':
      return { ...index, generations: index.generations.filter((generation) => generation.id !== change.id) }
    case 'keep-generation':
      return { ...index, generations: alter(index.generations, generationNumbered(change.id), (record) => keptAs(record, change)) }
    case 'generation-health':
      return { ...index, generations: alter(index.generations, generationNumbered(change.id), (record) => ({ ...record, health: change.health.to })) }
    case 'add-be':
      return {
        ...index,
        next: { ...index.next, be: numberAfter(index.next.be, change.record.name) },
        bootEnvironments: put(index.bootEnvironments, beNamed(change.record.name), change.record).toSorted((a, b) => a.name.localeCompare(b.name)),
      }
    case 'remove-be':
      return { ...index, bootEnvironments: index.bootEnvironments.filter((be) => be.name !== change.name) }
    case 'be-stands-for':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, standsFor: change.standsFor.to })) }
    case 'be-started':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, startedAs: change.startedAs.to })) }
    case 'be-confirmed':
      return {
        ...index,
        bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, confirmedAt: change.confirmedAt.to })),
      }
    case 'be-torn':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => tornAs(record, change)) }
    case 'be-members':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, members: change.members.to })) }
    case 'be-boot-set':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, bootSet: change.bootSet.to })) }
    case 'be-data-format':
      return { ...index, bootEnvironments: alter(index.bootEnvironments, beNamed(change.name), (record) => ({ ...record, dataFormat: change.dataFormat.to })) }
    case 'add-data':
      return {
        ...index,
        next: { ...index.next, data: numberAfter(index.next.data, change.record.name) },
        data: put(index.data, dataNamed(change.record.name), change.record).toSorted((a, b) => a.name.localeCompare(b.name)),
      }
    case 'remove-data':
      return { ...index, data: index.data.filter((data) => data.name !== change.name) }
    case 'data-format':
      return { ...index, data: alter(index.data, dataNamed(change.name), (record) => ({ ...record, format: change.format.to })) }
    case 'left':
      return { ...index, left: [...change.left.to] }
    case 'factory':
      return { ...index, factory: change.factory.to }
    case 'session':
      return { ...index, session: change.session.to }
    case 'last-start':
      return { ...index, lastStart: change.lastStart.to }
    case 'remains':
      return withRemains(index, change.remains.to)
    case 'trial-health':
      return { ...index, trialHealth: change.trialHealth.to }
    case 'boot-health':
      return { ...index, bootHealth: change.bootHealth.to }
    case 'known-faults':
      return { ...index, knownFaults: [...change.knownFaults.to] }
  }
}
