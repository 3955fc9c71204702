import { highestFormat } from '../../pkg/data-format.ts'
import type { Results } from '../executor.ts'
import { type IndexChange, inverseOf } from '../index-change.ts'
import type { PlannedChange } from '../plan/step.ts'
import { bootSetFrom, descriptionFrom, memberFrom, membersFrom, volumeFrom } from './results.ts'

/** Changes as they go into the index, with what earlier steps made filled in. */
export const resolveChange = (planned: PlannedChange, results: Results): IndexChange[] => {
  switch (planned.planned) {
    case 'change':
      return [planned.change]
    case 'add-generation': {
      const { packages, dataFormat } = descriptionFrom(results, planned.description)
      const bootSet = planned.bootSet === null ? planned.sharesBootSetOf : bootSetFrom(results, planned.bootSet)
      return [{ change: 'add-generation', record: { ...planned.draft, members: membersFrom(results, planned.members), packages, dataFormat, bootSet } }]
    }
    case 'add-be': {
      const members = [...membersFrom(results, planned.members), ...planned.moreMembers.map((from) => memberFrom(results, from))]
      const dataFormat = 'value' in planned.dataFormat ? planned.dataFormat.value : descriptionFrom(results, planned.dataFormat).dataFormat
      return [{ change: 'add-be', record: { ...planned.draft, members, bootSet: bootSetFrom(results, planned.bootSet), dataFormat } }]
    }
    case 'add-data':
      return [{ change: 'add-data', record: { ...planned.draft, volume: volumeFrom(results, planned.volume) } }]
    case 'be-members': {
      const remade = planned.remade.map((from) => memberFrom(results, from))
      const to = [...planned.from.filter((member) => !remade.some((other) => other.mountpoint === member.mountpoint)), ...remade]
      return [{ change: 'be-members', name: planned.name, members: { from: [...planned.from], to } }]
    }
    case 'adopt-data-format': {
      const { dataFormat } = descriptionFrom(results, planned.dataFormat)
      return planned.names.map((name) => ({ change: 'data-format', name, format: { from: null, to: dataFormat } }))
    }
    case 'be-boot-set':
      return [{ change: 'be-boot-set', name: planned.name, bootSet: { from: planned.from, to: bootSetFrom(results, planned.bootSet) } }]
    case 'be-upgraded': {
      const { dataFormat } = descriptionFrom(results, planned.dataFormat)
      return [
        { change: 'be-boot-set', name: planned.name, bootSet: { from: planned.before.bootSet, to: bootSetFrom(results, planned.bootSet) } },
        { change: 'be-data-format', name: planned.name, dataFormat: { from: planned.before.dataFormat, to: dataFormat } },
        ...planned.data.map((data): IndexChange => ({
          change: 'data-format',
          name: data.name,
          format: { from: data.format, to: highestFormat(data.format, dataFormat) },
        })),
      ]
    }
  }
}

/** What takes planned changes back, newest first. Results that were never made belong to records that were never written. */
export const inversesOf = (planned: readonly PlannedChange[], results: Results): IndexChange[] =>
  planned.toReversed().flatMap((change): IndexChange[] => {
    if (change.planned === 'add-generation') return [{ change: 'remove-generation', id: change.draft.id }]
    if (change.planned === 'add-be') return [{ change: 'remove-be', name: change.draft.name }]
    if (change.planned === 'add-data') return [{ change: 'remove-data', name: change.draft.name }]
    return resolveChange(change, results)
      .toReversed()
      .flatMap((resolved) => inverseOf(resolved) ?? [])
  })
