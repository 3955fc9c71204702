import { RefusedError } from '../../errors.ts'
import { canRead } from '../../pkg/data-format.ts'
import type { DataUse, DataVolume, Generation, Index } from '../model.ts'

interface GateRequest {
  readonly index: Index
  readonly generation: Generation
  /** The data that the version would get. */
  readonly data: readonly DataUse[]
  readonly force: boolean
  readonly now: string
  /** How the request is repeated with the data of its own time, when that exists. */
  readonly withDataPossible: boolean
}

/** Whole hours between two ISO times. */
export const hoursBetween = (from: string, to: string): number => Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 3_600_000))

/**
 * Data that a version cannot read. @throws RefusedError `data-format` unless forced, with the loss in hours that bringing the old data along would mean.
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
  const hours = hoursBetween(request.generation.createdAt, request.now)
  throw new RefusedError('data-format', sentence, {
    next: [
      ...(request.withDataPossible ? [`--with-data  brings back ${paths} as of ${String(hours)} hours ago; the present data is kept for forward`] : []),
      '--force      start the old version with the data as it is',
    ],
    data: { generation: request.generation.id, dataFormat: request.generation.dataFormat, unreadable: unreadable.map((data) => data.mountpoint), hours },
  })
}
