import { FailedError, LockedError, ToolError } from '../../errors.ts'
import type { Files, Runner } from '../../sys/ports.ts'
import { type DebconfRecord, parseDebconfDatabase } from '../debconf-decisions.ts'
import type { DebconfAnswer } from '../packages.ts'

const SET_SELECTIONS = '/usr/bin/debconf-set-selections'
/** Passwords are in a file of their own, which only root may read. */
const DATABASES = ['/var/cache/debconf/config.dat', '/var/cache/debconf/passwords.dat']

/** What debconf remembers below a root directory; nothing where it was never used. */
export const readDebconfDatabase = async (files: Files, root: string): Promise<ReadonlyMap<string, DebconfRecord>> => {
  const records = new Map<string, DebconfRecord>()
  for (const path of DATABASES) {
    const database = `${root === '/' ? '' : root}${path}`
    if ((await files.stat(database)) === null) continue
    for (const [question, record] of parseDebconfDatabase(await files.readText(database))) records.set(question, record)
  }
  return records
}

/** Answer questions before they are asked. The answers go through standard input: passwords must not be in a process list. */
export const setDebconfSelections = async (runner: Runner, answers: readonly DebconfAnswer[]): Promise<void> => {
  if (answers.length === 0) return
  const input = answers.map((answer) => `${answer.package} ${answer.question} ${answer.type} ${answer.value}\n`).join('')
  try {
    await runner.run(SET_SELECTIONS, [], { input })
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    if (error.stderr.includes('is locked by another process')) {
      throw new LockedError('another process uses debconf', { next: ['wait until the other package manager has ended, then try again'], cause: error })
    }
    throw new FailedError('debconf', `debconf did not take the answers of policy: ${error.stderr.trim().slice(-500)}`, {
      rebootRequired: false,
      next: ['look at packages.debconf in /etc/belay/config.yaml'],
      cause: error,
    })
  }
}
