import { RefusedError } from '../../errors.ts'
import { canRead } from '../../pkg/data-format.ts'
import type { DataUse, DataVolume, Generation, Index } from '../model.ts'
import { type LeftBehind, howFarBack } from './left-behind.ts'
import { hoursBetween } from './time-span.ts'

interface GateRequest {
  readonly index: Index
  readonly generation: Generation
  /** The data that the version would get. */
  readonly data: readonly DataUse[]
  readonly force: boolean
  readonly now: string
  /** What bringing the data of its own time along would leave behind; null when the generation holds none. */
  readonly withData: readonly LeftBehind[] | null
}

/** What --with-data costs, volume by volume. All of one generation go back equally far. */
const priceOf = (leftBehind: readonly LeftBehind[], { generation, now }: GateRequest): string => {
  const volumes = leftBehind.map(({ path, volume }) => `${path} (now ${volume})`).join(', ')
  return `--with-data  takes ${volumes} back ${howFarBack(generation.createdAt, now)}; what was written there since is kept for belay forward`
}

/**
 * Data that a version cannot read. @throws RefusedError `data-format` unless forced, with the loss that bringing the old data along would mean.
 * @returns notices for the plan when forced.
 */
export const passDataGate = (request: GateRequest): string[] => {
  const volumes = request.data.flatMap((use) => {
    const data = request.index.data.find((candidate) => candidate.name === use.data)
    return data?.role === 'data' ? [data] : []
  })
  const unreadable: DataVolume[] = volumes.filter((data) => !canRead(request.generation.dataFormat, data.format))
  if (unreadable.length === 0) return []
  const paths = unreadable.map((data) => data.mountpoint).join(', ')
  const formats = [...new Set(unreadable.map((data) => data.format ?? 'none'))].join(', ')
  const sentence = `generation ${String(request.generation.id)} reads data format ${request.generation.dataFormat ?? 'none'}; ${paths} has been written in format ${formats}`
  if (request.force) return [`${sentence}; going there all the same because of --force`]
  throw new RefusedError('data-format', sentence, {
    next: [...(request.withData === null ? [] : [priceOf(request.withData, request)]), '--force      start the old version with the data as it is'],
    data: {
      generation: request.generation.id,
      dataFormat: request.generation.dataFormat,
      unreadable: unreadable.map((data) => data.mountpoint),
      hours: hoursBetween(request.generation.createdAt, request.now),
      leavesBehind: request.withData ?? [],
    },
  })
}
