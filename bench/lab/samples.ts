/** Measurements of one thing, in milliseconds, in the order in which they were taken. */
export interface Series {
  readonly name: string
  readonly samples: readonly number[]
}

export const median = (samples: readonly number[]): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return (low + high) / 2
}

/** Something to measure; it brings its machine into the state that it starts from outside the measurement. */
export interface Contender {
  readonly name: string
  /** @returns milliseconds */
  readonly measure: () => Promise<number>
}

/**
 * Measures contenders in turn, A B C A B C, so that whatever else the machine does meets all of them alike.
 * @param options `warmUp`: a first round is thrown away, which reads the programs from the disk
 * @returns the series of each contender, under its key
 */
export const takeTurns = async <Key extends string>(
  contenders: Readonly<Record<Key, Contender>>,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: boolean },
): Promise<Record<Key, Series>> => {
  const samples = new Map<string, number[]>()
  for (let round = warmUp ? -1 : 0; round < rounds; round += 1) {
    for (const [key, contender] of Object.entries<Contender>(contenders)) {
      const milliseconds = await contender.measure()
      if (round >= 0) samples.set(key, [...(samples.get(key) ?? []), milliseconds])
    }
  }
  const series: Partial<Record<Key, Series>> = {}
  for (const key in contenders) series[key] = { name: contenders[key].name, samples: samples.get(key) ?? [] }
  return series as Record<Key, Series>
}
