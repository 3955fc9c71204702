import { z } from 'zod'

/**
 * Names are fixed-width so that none is a substring of another: zfs-initramfs 2.1 selects snapshots by an unanchored grep.
 */
const WIDTH = 6

const name = <Brand extends string>(prefix: string, brand: Brand) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}-[0-9]{${String(WIDTH)}}$`), `must look like ${prefix}-000001`)
    .brand(brand)

export const BeName = name('be', 'BeName')
/** Name of a boot environment, `be-000001`. */
export type BeName = z.infer<typeof BeName>

export const DataName = name('data', 'DataName')
/** Name of a data or log volume, `data-000001`. */
export type DataName = z.infer<typeof DataName>

export const GenerationName = name('gen', 'GenerationName')
/** Name of a generation on disk, `gen-000001`; people and the index use the number. */
export type GenerationName = z.infer<typeof GenerationName>

export const GenerationId = z
  .int()
  .min(1)
  .max(10 ** WIDTH - 1)
  .brand('GenerationId')
/** Number of a generation, 1 to 999999, rising, never reused. */
export type GenerationId = z.infer<typeof GenerationId>

const numbered = (prefix: string, number: number): string => `${prefix}-${String(number).padStart(WIDTH, '0')}`

export const beName = (number: number): BeName => BeName.parse(numbered('be', number))
export const dataName = (number: number): DataName => DataName.parse(numbered('data', number))
export const generationName = (id: GenerationId): GenerationName => GenerationName.parse(numbered('gen', id))

/** The number inside a name, `be-000012` → 12. */
export const numberOf = (value: BeName | DataName | GenerationName): number => Number.parseInt(value.slice(-WIDTH), 10)
