import type { HowMany } from './cut-states.ts'

/** How the person who runs the tests chooses among the states. */
interface Settings {
  /** Null: the sample of each operation. */
  readonly howMany: HowMany | null
  /** Only this state. */
  readonly state: number | null
  readonly seed: number
  /** A recording that was kept when one of its states failed. */
  readonly recording: string | null
}

const wholeNumber = (name: string, text: string): number => {
  if (!/^\d+$/.test(text)) throw new Error(`${name} is ${text}, and should be a whole number`)
  return Number(text)
}

/** @throws Error for a value that is not understood */
function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const read = <Value>(name: string, parse: (text: string) => Value): Value | null => {
    const text = environment[name]
    return text === undefined || text === '' ? null : parse(text)
  }
  return {
    howMany: read('BELAY_POWER_CUTS', (text) => (text === 'all' ? 'all' : wholeNumber('BELAY_POWER_CUTS', text))),
    state: read('BELAY_POWER_CUT_STATE', (text) => wholeNumber('BELAY_POWER_CUT_STATE', text)),
    seed: read('BELAY_POWER_CUT_SEED', (text) => wholeNumber('BELAY_POWER_CUT_SEED', text)) ?? 1,
    recording: read('BELAY_POWER_CUT_RECORDING', (text) => text),
  }
}

export const SETTINGS = readSettings(process.env)
