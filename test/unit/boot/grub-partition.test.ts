import { beforeEach, describe, expect, it } from 'vitest'
import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import { GrubPartition } from '../../../src/boot/grub-partition.ts'
import { whatBoots } from '../../../src/boot/next-boot-from-files.ts'
import { beName } from '../../../src/snap/names.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemorySettler } from '../../fakes/memory-settler.ts'

const [ONE, TWO] = [beName(1), beName(2)] as const
const CHOICE: BootChoice = { good: ONE, trial: null, attemptsLeft: 0, once: null }
const entry = (be: typeof ONE) => ({ be, title: be, arguments: [`belay.be=${be}`] })

describe('the GRUB partition', () => {
  let files: MemoryFiles
  let operations: string[]
  let partition: GrubPartition

  beforeEach(async () => {
    operations = []
    files = new MemoryFiles({
      before: (operation, path) => {
        if (['writeAtomic', 'overwriteInPlace'].includes(operation)) operations.push(`${operation} ${path}`)
      },
    })
    const settler = new (class extends MemorySettler {
      override settle(mountpoint: string): Promise<void> {
        operations.push(`settle ${mountpoint}`)
        return super.settle(mountpoint)
      }
    })()
    files.makeVolume('/boot/grub')
    partition = new GrubPartition({ files, settler })
    await partition.prepare()
    operations.length = 0
  })

  it('has no choice before one was written', async () => {
    expect(await partition.readEnv()).toEqual({ choice: null, others: new Map(), problems: ['the env block is missing'] })
  })

  it('makes the env block once and overwrites it in place ever after', async () => {
    await partition.change({ choice: CHOICE })
    const first = await files.stat('/boot/grub/belay/env')
    await partition.change({ choice: { ...CHOICE, trial: TWO, attemptsLeft: 3 } })
    expect(operations).toEqual(['writeAtomic /boot/grub/belay/env', 'settle /boot/grub', 'overwriteInPlace /boot/grub/belay/env', 'settle /boot/grub'])
    expect(await files.stat('/boot/grub/belay/env')).toMatchObject({ inode: first?.inode, size: 1024 })
    expect((await partition.readEnv()).choice).toEqual({ ...CHOICE, trial: TWO, attemptsLeft: 3 })
  })

  it('knows whose trial was ended for as long as that trial has no attempts, and nothing else came up', async () => {
    const path = '/boot/grub/belay/trial-ended'
    const isThere = async (): Promise<boolean> => (await files.stat(path)) !== null
    const end = (): Promise<void> => files.writeAtomic(path, `${TWO}\n`)
    await partition.forgetEndedTrial(ONE)
    await end()
    await partition.change({ choice: { ...CHOICE, trial: TWO, attemptsLeft: 0 } })
    await partition.forgetEndedTrial(TWO)
    expect(await isThere()).toBe(true)
    await partition.forgetEndedTrial(ONE)
    expect(await isThere(), 'another version came up').toBe(false)
    await end()
    await partition.change({ choice: { ...CHOICE, trial: TWO, attemptsLeft: 3 } })
    expect(await isThere(), 'it is tried again').toBe(false)
    await end()
    await partition.change({ choice: CHOICE })
    expect(await isThere(), 'it was confirmed').toBe(false)
  })

  it('makes a torn env block anew', async () => {
    await files.writeAtomic('/boot/grub/belay/env', '')
    await partition.change({ choice: CHOICE })
    expect((await partition.readEnv()).choice).toEqual(CHOICE)
    expect((await files.stat('/boot/grub/belay/env'))?.size).toBe(1024)
  })

  it('keeps variables of others', async () => {
    await files.writeAtomic('/boot/grub/belay/env', '# GRUB Environment Block\nsaved_entry=3\nbelay_new=x\n'.padEnd(1024, '#'))
    await partition.change({ choice: CHOICE })
    expect((await partition.readEnv()).others).toEqual(
      new Map([
        ['saved_entry', '3'],
        ['belay_new', 'x'],
      ]),
    )
  })

  it('settles the files before the env block names what is in them', async () => {
    await partition.change({ choice: CHOICE, fragment: 'fragment', grubCfg: 'configuration' })
    expect(operations).toEqual([
      'writeAtomic /boot/grub/belay/menu.cfg',
      'writeAtomic /boot/grub/belay/grub.cfg',
      'writeAtomic /boot/grub/grub.cfg',
      'settle /boot/grub',
      'writeAtomic /boot/grub/belay/env',
      'settle /boot/grub',
    ])
  })

  it('settles a new menu once', async () => {
    await partition.change({ fragment: 'fragment' })
    expect(operations).toEqual(['writeAtomic /boot/grub/belay/menu.cfg', 'settle /boot/grub'])
  })

  it('gives whatBoots all that GRUB sees', async () => {
    await files.makeDirectory('/boot/grub/belay/sets/be-000002.1')
    await files.writeAtomic('/boot/grub/belay/sets/be-000002.1/entry.cfg', entryFile(entry(TWO)))
    await files.symlink('../sets/be-000002.1', '/boot/grub/belay/be/be-000002')
    await partition.change({ choice: { ...CHOICE, once: TWO }, fragment: menuFragment({ front: [entry(ONE)], rest: [] }, { confirmed: ONE }) })
    const first = whatBoots(await partition.readFiles())
    expect(first).toMatchObject({ be: TWO, why: 'once', kernel: 'belay/be/be-000002/vmlinuz', arguments: ['belay.be=be-000002'] })
    expect(whatBoots({ ...(await partition.readFiles()), env: first?.envAfter ?? null })).toMatchObject({ be: ONE, why: 'good' })
  })

  it('holds a reserve of the size that was asked for, until it is released', async () => {
    await partition.makeReserve(4096)
    await partition.makeReserve(8192)
    expect((await files.stat('/boot/grub/belay/reserve'))?.size).toBe(8192)
    await partition.releaseReserve()
    await partition.releaseReserve()
    expect(await files.stat('/boot/grub/belay/reserve')).toBeNull()
  })
})
