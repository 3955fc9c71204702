/** `1/3` is the first of three parts. Default: all. */
const SAMPLE = process.env['BELAY_SAMPLE'] ?? '1/1'

const [, part = '1', parts = '1'] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(SAMPLE) ?? []

/**
 * Whether a case is among those that are tested, of a row of cases that differ only in their moment: all, or each so many-th where BELAY_SAMPLE says so, which is for
 * a run that has no time for all and tests another part each time.
 */
export const isSampled = (index: number): boolean => index % Number(parts) === Number(part) - 1
