import { describe, expect, it } from 'vitest'
import { createBootLoader } from '../../../src/boot/boot-loader.ts'
import { NotFoundError } from '../../../src/errors.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'

/** A boot loader whose shell programs end with a status, or are missing; and the programs that were called. */
const loader = async (status: number | null, firmware: 'bios' | 'efi' = 'bios') => {
  const calls: string[] = []
  const files = new MemoryFiles()
  if (firmware === 'efi') await files.makeDirectory('/sys/firmware/efi')
  const runner = {
    run: (program: string, args: readonly string[]) => {
      calls.push([program, ...args].join(' '))
      if (status === null) return Promise.reject(new NotFoundError(`${program} is missing`))
      return Promise.resolve({ status, stdout: '', stderr: '' })
    },
    stream: () => Promise.reject(new NotFoundError('nothing is streamed')),
  }
  return { calls, bootLoader: createBootLoader({ files, runner, log: new RecordingLog(), installCoreImage: '/core', installEfiStub: '/stub' }) }
}

describe('the boot loader of the running machine', () => {
  it.each([
    [0, true],
    [3, false],
    [4, null],
    [1, null],
    [null, null],
  ])('whose program ends with %j has the stub: %j', async (status, has) => {
    const { bootLoader, calls } = await loader(status)
    expect(await bootLoader.hasStub()).toBe(has)
    expect(calls).toEqual(['/core --check'])
  })

  it.each([0, 1, 4, null])('never fails what installs the stub when its program ends with %j', async (status) => {
    const { bootLoader } = await loader(status)
    expect(await bootLoader.installStub()).toBe(status === 0)
  })

  it('lies on the EFI system partition where the firmware is EFI', async () => {
    const { bootLoader, calls } = await loader(0, 'efi')
    await bootLoader.installStub()
    expect(calls).toEqual(['/stub'])
  })
})
