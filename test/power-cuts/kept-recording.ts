import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { runTool } from '../../demo/run-tool.ts'
import type { OperationName } from './operations.ts'
import type { Recording } from './recording.ts'

const RECORD = 'recording.json'

/** A recording whose disk is at the state that failed. */
export interface KeptRecording {
  readonly operation: OperationName
  readonly recording: Recording
  /** What JSON keeps of it: no functions. */
  readonly appliance: Appliance
}

/** Keeps what is needed to look at a state again. @returns the directory, which belongs to whoever runs the tests */
export async function keepRecording(name: string, { recording, ...rest }: KeptRecording): Promise<string> {
  const directory = join(tmpdir(), 'belay-power-cuts', name.replaceAll(' ', '-'))
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const [disk, log] = [join(directory, 'disk-before.raw'), join(directory, 'writes.log')]
  await runTool('/usr/bin/cp', ['--sparse=auto', '--reflink=auto', '--', recording.disk, disk])
  await runTool('/usr/bin/cp', ['--sparse=auto', '--reflink=auto', '--', recording.log, log])
  const kept: KeptRecording = { ...rest, recording: { ...recording, disk, log } }
  await writeFile(join(directory, RECORD), JSON.stringify(kept))
  return directory
}

/** Reads what keepRecording wrote. */
export const readKeptRecording = async (directory: string): Promise<KeptRecording> =>
  JSON.parse(await readFile(join(directory, RECORD), 'utf8')) as KeptRecording
