import { describe, expect, it } from 'vitest'
import { FIXED_PATHS } from '../../../src/boot/grub-partition.ts'
import { refuseLinks } from '../../../src/snap/refuse-links.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

describe('the places where belay writes', () => {
  const partition = async (): Promise<MemoryFiles> => {
    const files = new MemoryFiles()
    await files.makeDirectory('/host')
    await files.makeDirectory('/grub/belay')
    return files
  }

  it('may be missing, and may be what they should be', async () => {
    const files = await partition()
    await files.writeAtomic('/grub/belay/env', 'x')
    await expect(refuseLinks(files, '/grub', FIXED_PATHS)).resolves.toBeUndefined()
  })

  it.each(['belay', 'belay/be', 'belay/sets', 'belay/env', 'belay/menu.cfg', 'belay/reserve', 'grub.cfg'])('are refused when %s is a link', async (path) => {
    const files = await partition()
    await files.remove(`/grub/${path}`)
    await files.symlink('../host', `/grub/${path}`)
    await expect(refuseLinks(files, '/grub', FIXED_PATHS)).rejects.toMatchObject({ code: 'path-leads-out', exitCode: 10 })
  })
})
