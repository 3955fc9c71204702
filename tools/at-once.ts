/** Does the work for each item, for so many at a time, beginning in their order. Gives the results in that order. @param limit 1 or more */
export async function atOnce<Item, Result>(limit: number, items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const waiting = [...items.entries()]
  const results: Result[] = []
  const next = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) results[entry[0]] = await work(entry[1])
  }
  await Promise.all(Array.from({ length: limit }, next))
  return results
}
