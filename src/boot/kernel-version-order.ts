/** Digits, or other characters up to the next digit or hyphen. */
const PARTS = /\d+|-?[^-\d]+|-/g
const PRE_RELEASE = /^-(?:rc|trunk)$/

/**
 * The order of kernel versions (`uname -r`) of Debian's linux-version(1), linux-base 4.12: numbers as numbers, all else by character code, `-rc` and `-trunk`
 * before everything. Negative when `a` is older.
 */
export function compareKernelVersions(a: string, b: string): number {
  const left = a.match(PARTS) ?? []
  const right = b.match(PARTS) ?? []
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = compareParts(left[index], right[index])
    if (difference !== 0) return difference
  }
  return 0
}

function compareParts(a: string | undefined, b: string | undefined): number {
  const early = Number(isPreRelease(b)) - Number(isPreRelease(a))
  if (early !== 0) return early
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  if (/^\d/.test(a) && /^\d/.test(b)) {
    const difference = BigInt(a) - BigInt(b)
    return Number(difference > 0n) - Number(difference < 0n)
  }
  return Number(a > b) - Number(a < b)
}

const isPreRelease = (part: string | undefined): boolean => part !== undefined && PRE_RELEASE.test(part)
