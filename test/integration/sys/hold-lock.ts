// Takes the lock named on the command line, starts a child that outlives it, prints the child's pid and stays.
import { spawn } from 'node:child_process'
import { readProcessActor } from '../../../src/sys/actor-process.ts'
import { systemClock } from '../../../src/sys/clock-system.ts'
import { createFlockLock } from '../../../src/sys/lock-flock.ts'

const [, , path = ''] = process.argv
await createFlockLock(systemClock).acquire(path, { actor: await readProcessActor(), operation: 'upgrade', brief: false })
const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore', detached: true })
process.stdout.write(String(child.pid))
setInterval(() => undefined, 1000)
