import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Driver } from '../../../src/snap/driver.ts'
import type { Member } from '../../../src/snap/model.ts'
import { GenerationId, generationName } from '../../../src/snap/names.ts'
import type { Files } from '../../../src/sys/ports.ts'
import { asSources, BE, CONFIG, DATA, FILES, memberAt } from './scene.ts'
import type { DriverUnderTest } from './driver-under-test.ts'

/** Writes rising numbers, always to the first file before the second and to the second before the third, until it is killed. */
const STORM = `
  const { openSync, writeSync } = require('node:fs')
  const files = process.argv.slice(1).map((path) => openSync(path, 'w'))
  for (let number = 1; ; number += 1) {
    for (const file of files) writeSync(file, String(number).padStart(12, '0'), 0)
    if (number === 1) process.stdout.write('blows')
  }
`

/** What one restore point shows: the numbers in root, config and data, in the order in which they were written. */
export type Seen = readonly [root: number, config: number, data: number]

/** Whether there was a moment at which the three files held these numbers. */
export const hasHappened = ([root, config, data]: Seen): boolean => root >= config && config >= data && data >= root - 1

const contentOf = async (driver: Driver, files: Files, members: readonly Member[], mountpoint: string): Promise<number> =>
  Number(await files.readText(join(await driver.directoryOf(memberAt(members, mountpoint).volume), 'storm')))

/** Takes restore points of root, config and data while a process writes to all three, and reads what each of them shows. */
export const seeStorm = async ({ driver, files, installed }: DriverUnderTest, restorePoints: number): Promise<Seen[]> => {
  await driver.createState()
  const cloned = await driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: installed.volume }])
  const members = [...cloned, await driver.carveConfig(BE, CONFIG)]
  const data = await driver.carveData(DATA, BE, FILES)
  const volumes = [memberAt(members, '/').volume, memberAt(members, CONFIG).volume, data]
  const places = await Promise.all(volumes.map((volume) => driver.directoryOf(volume)))
  const storm = spawn(process.execPath, ['--eval', STORM, ...places.map((place) => join(place, 'storm'))], { stdio: ['ignore', 'pipe', 'inherit'] })
  const taken: (readonly Member[])[] = []
  try {
    await once(storm.stdout, 'data')
    const sources = [...asSources(members), { role: 'data' as const, mountpoint: FILES, volume: data }]
    for (let round = 1; round <= restorePoints; round += 1) taken.push(await driver.takeGeneration(generationName(GenerationId.parse(round)), sources))
  } finally {
    storm.kill('SIGKILL')
    await once(storm, 'close')
  }
  const seen: Seen[] = []
  for (const generation of taken) {
    const [root, config, own] = [
      await contentOf(driver, files, generation, '/'),
      await contentOf(driver, files, generation, CONFIG),
      await contentOf(driver, files, generation, FILES),
    ]
    seen.push([root, config, own])
  }
  return seen
}
