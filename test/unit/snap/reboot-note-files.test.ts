import { beforeEach, describe, expect, it } from 'vitest'
import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { beName } from '../../../src/snap/names.ts'
import { createRebootNote } from '../../../src/snap/reboot-note-files.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemoryAppliance } from '../../fakes/memory-appliance.ts'

const FLAG = '/run/reboot-required'
const NAMES = `${FLAG}.pkgs`

describe('the note that a reboot is needed', () => {
  let files: MemoryFiles
  let choice: BootChoice
  let situation: { running: ReturnType<typeof beName> | null; trialOfRunning: boolean }

  beforeEach(async () => {
    files = new MemoryFiles()
    await files.makeDirectory('/run', 0o755)
    choice = { good: beName(1), trial: null, attemptsLeft: 0, once: null }
    situation = { running: beName(1), trialOfRunning: false }
  })

  const note = () => {
    const { boot } = new MemoryAppliance().process()
    const reading = { ...boot, readChoice: () => Promise.resolve({ choice, problems: [] }) }
    return createRebootNote({ files, boot: reading, readSituation: () => Promise.resolve(situation), runDirectory: '/run' })
  }

  it.each<readonly [string, Partial<BootChoice>]>([
    ['a rollback', { trial: beName(3), attemptsLeft: 3 }],
    ['a forward to what is confirmed', { good: beName(3) }],
    ['a choice for one boot', { once: beName(3) }],
  ])('is there after %s, and gone when that is taken back', async (_, to) => {
    choice = { ...choice, ...to }
    await note().bringUpToDate('belay rollback to generation 2')
    expect(await files.readText(FLAG)).toBe('*** belay rollback to generation 2: a reboot is needed ***\n')
    expect(await files.readText(NAMES)).toBe('belay\n')
    expect(await note().isSet()).toBe(true)
    choice = { good: beName(1), trial: null, attemptsLeft: 0, once: null }
    await note().bringUpToDate('belay forward')
    expect(await files.stat(FLAG)).toBeNull()
    expect(await files.stat(NAMES)).toBeNull()
  })

  it('is not made by the last boot of a trial, which a reboot would leave', async () => {
    choice = { good: beName(1), trial: beName(3), attemptsLeft: 0, once: null }
    situation = { running: beName(3), trialOfRunning: false }
    await note().bringUpToDate('belay')
    expect(await files.stat(FLAG)).toBeNull()
  })

  it('is there for an upgrade that was not started yet', async () => {
    situation = { running: beName(1), trialOfRunning: true }
    await note().bringUpToDate('belay upgrade')
    expect(await files.readText(NAMES)).toBe('belay\n')
  })

  it('leaves the names of others, and their text', async () => {
    await files.writeAtomic(FLAG, '*** System restart required ***\n', 0o644)
    await files.writeAtomic(NAMES, 'linux-image-amd64\nlibc6\n', 0o644)
    choice = { ...choice, once: beName(3) }
    await note().bringUpToDate('belay rollback')
    await note().bringUpToDate('belay rollback')
    expect(await files.readText(NAMES)).toBe('linux-image-amd64\nlibc6\nbelay\n')
    choice = { ...choice, once: null }
    await note().bringUpToDate('belay forward')
    expect(await files.readText(NAMES)).toBe('linux-image-amd64\nlibc6\n')
    expect(await files.readText(FLAG)).toBe('*** System restart required ***\n')
    expect(await note().isSet()).toBe(false)
  })
})
