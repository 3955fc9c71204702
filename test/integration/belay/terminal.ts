import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { belayCommand } from '../../../demo/story/belay-program.ts'
import type { Machine } from './machine.ts'

const SCRIPT = '/usr/bin/script'

const shellWord = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`

/** Runs belay on a terminal of its own and types keys when it asks; the output is what a person would see. */
export const answerAtTerminal = async (
  machine: Machine,
  args: readonly string[],
  keys: string,
): Promise<{ readonly status: number | null; readonly output: string }> => {
  const command = belayCommand([...args, '--root', machine.root])
    .map(shellWord)
    .join(' ')
  const child = spawn(SCRIPT, ['--quiet', '--return', '--command', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  let asked = false
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
    if (asked || !output.includes('Go on? [y/N]')) return
    asked = true
    child.stdin.write(keys)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, output }
}
