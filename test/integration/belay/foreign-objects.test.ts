import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import type { Index } from '../../../src/snap/model.ts'
import { Machine } from './machine.ts'
import { belongings, codesOf, expectWhole } from './whole-appliance.ts'

/** Filesystems that somebody else made, and configuration that somebody else removed. */
let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  await machine.close()
})

const BTRFS = '/usr/bin/btrfs'

const readIndex = async (): Promise<Index> => JSON.parse((await belongings(machine)).index ?? '') as Index

const numbered = (prefix: string, number: number): string => `${prefix}-${String(number).padStart(6, '0')}`

const newest = async (): Promise<string> => String((await machine.list()).generations.at(-1)?.id)

describe('what bears a name of belay’s and is not belay’s', () => {
  /** Paths from the top level, by kind: a subvolume with something in it for the generation, plain directories for the others. */
  const makeForeign = async (): Promise<string[]> => {
    const { next } = await readIndex()
    const paths = [`@belay/gen/${numbered('gen', next.generation)}`, `@belay/be/${numbered('be', next.be)}`, `@belay/data/${numbered('data', next.data)}`]
    await machine.atTopLevel(async (top) => {
      const [generation = '', ...directories] = paths
      await runTool(BTRFS, ['subvolume', 'create', join(top, generation)])
      for (const path of directories) await mkdir(join(top, path, 'root'), { recursive: true })
      for (const path of paths) await writeFile(join(top, path, 'somebody’s'), path)
    })
    return paths
  }

  it('is never touched: the next numbers are taken, and doctor notes it', async () => {
    const foreign = await makeForeign()
    const { next } = await readIndex()
    const { generation } = await machine.operation('snapshot', '--with-data', '-m', 'beside foreign names')
    expect(generation).toBe(next.generation + 1)
    const after = await readIndex()
    expect(after.next).toEqual({ generation: next.generation + 2, be: next.be + 2, data: expect.any(Number) as unknown })
    expect(after.data.map((data) => data.name)).not.toContain(numbered('data', next.data))
    await expectWhole(machine, { foreign, findings: ['foreign-object', 'foreign-object', 'foreign-object'] })
    const doctor = await machine.json(['doctor', '--fix'])
    expect([doctor.status, codesOf(doctor.output)]).toEqual([0, ['foreign-object', 'foreign-object', 'foreign-object']])
    for (const command of ['show', 'rollback', 'delete']) {
      expect((await machine.refusal([command, String(next.generation), ...(command === 'show' ? [] : ['--yes'])])).exitCode, command).toBe(13)
    }

    await machine.must('snapshot', '-m', 'newest')
    await machine.must('delete', String(generation), '--yes')
    await expectWhole(machine, { foreign, findings: ['foreign-object', 'foreign-object', 'foreign-object'] })
    await machine.atTopLevel(async (top) => {
      for (const path of foreign) {
        expect(await readFile(join(top, path, 'somebody’s'), 'utf8')).toBe(path)
        await rm(join(top, path), { recursive: true })
      }
    })
    await expectWhole(machine)
  })

  it('keeps a version that somebody else’s filesystem lies in, before anything of it is deleted', async () => {
    await machine.must('snapshot', '-m', 'with something in it')
    const victim = await newest()
    const be = (await machine.list()).generations.at(-1)?.be ?? ''
    await machine.must('snapshot', '-m', 'newest')
    const inside = `@belay/be/${be}/root/opt/somebody`
    await machine.atTopLevel(async (top) => {
      await runTool(BTRFS, ['subvolume', 'create', join(top, inside)])
      await writeFile(join(top, inside, 'work'), 'of a week')
    })
    const before = await belongings(machine)
    const error = await machine.refusal(['delete', victim, '--yes'])
    expect(error).toMatchObject({ code: 'in-use', exitCode: 10 })
    expect(error.message).toContain(inside)
    expect(await belongings(machine)).toEqual(before)
    await machine.atTopLevel(async (top) => {
      expect(await readFile(join(top, inside, 'work'), 'utf8')).toBe('of a week')
      await rm(join(top, inside, 'work'))
    })
    await machine.must('delete', victim, '--yes')
    await expectWhole(machine)
  })

  it('keeps a version that is mounted, and prunes around it', async () => {
    await machine.must('snapshot', '-m', 'looked into')
    const victim = await newest()
    const be = (await machine.list()).generations.at(-1)?.be ?? ''
    await machine.must('snapshot', '-m', 'newest')
    const directory = join(machine.root, 'mnt')
    await runTool('/usr/bin/mount', ['-t', 'btrfs', '-o', `subvol=@belay/be/${be}/root`, machine.appliance.btrfsDevice, directory])
    try {
      const before = await belongings(machine)
      const error = await machine.refusal(['delete', victim, '--yes'])
      expect(error).toMatchObject({ code: 'in-use', exitCode: 10, next: [`umount ${directory}`] })
      expect(await belongings(machine)).toEqual(before)
      const { plan } = await machine.operation('prune', '--newest', '1', '--yes')
      expect(plan.notices.join('\n')).toContain(`${be} stays: @belay/be/${be} is mounted at ${directory}`)
      expect((await machine.list()).generations.map(({ id }) => String(id))).toContain(victim)
      await runTool('/usr/bin/test', ['-d', join(directory, 'etc')])
    } finally {
      await runTool('/usr/bin/umount', [directory])
    }
    await machine.must('delete', victim, '--yes')
    await expectWhole(machine)
  })
})

describe('a configuration directory', () => {
  const CONFIG = 'etc/acme'

  const isFilesystem = async (): Promise<boolean> => (await stat(join(machine.root, CONFIG))).ino === 256

  const expectNamed = async (): Promise<void> => {
    const doctor = await machine.json(['doctor'])
    expect(doctor.status).toBe(10)
    expect(doctor.output).toMatchObject({ findings: [{ code: 'config-member', fixable: true, text: expect.stringContaining('/etc/acme') as unknown }] })
  }

  /** Purging a package removes its directory, which on btrfs is its subvolume too. */
  const purge = async (): Promise<void> => {
    await machine.appliance.run('/usr/bin/dpkg', ['--purge', '--force-depends', 'acme-gateway'])
    expect(await readdir(join(machine.root, 'etc'))).not.toContain('acme')
  }

  it('that a purge removed is made again by the next snapshot', async () => {
    await machine.must('snapshot', '--keep', '-m', 'with its configuration')
    await purge()
    await expectNamed()
    await machine.must('snapshot', '-m', 'after the purge')
    expect(await isFilesystem()).toBe(true)
    await machine.install('acme-gateway')
    await expectWhole(machine)
  })

  it('that a purge removed is made again by doctor', async () => {
    await purge()
    const fixed = await machine.json(['doctor', '--fix'])
    expect([fixed.status, codesOf(fixed.output)]).toEqual([0, []])
    expect(await isFilesystem()).toBe(true)
    await machine.install('acme-gateway')
    await expectWhole(machine)
  })

  it.each([
    ['snapshot', ['snapshot', '-m', 'with a plain directory']],
    ['doctor', ['doctor', '--fix']],
  ] as const)('that is a plain one is made a filesystem with its content by %s', async (_, args) => {
    const config = join(machine.root, CONFIG)
    const aside = join(machine.root, 'etc/acme.plain')
    await runTool('/usr/bin/cp', ['--archive', config, aside])
    await machine.appliance.run('/usr/bin/find', ['/etc/acme', '-mindepth', '1', '-delete'])
    await runTool('/usr/bin/rmdir', [config])
    await runTool('/usr/bin/mv', [aside, config])
    await writeFile(join(config, 'gateway.conf'), 'interval=99\n')
    expect(await isFilesystem()).toBe(false)
    await expectNamed()
    await machine.must(...args)
    expect(await isFilesystem()).toBe(true)
    expect(await readFile(join(config, 'gateway.conf'), 'utf8')).toBe('interval=99\n')
    expect((await readdir(join(machine.root, 'etc'))).filter((name) => name.startsWith('acme'))).toEqual(['acme'])
    await expectWhole(machine)
  })

  it('goes back with its version all the same', async () => {
    const kept = (await machine.list()).generations.find((generation) => generation.text === 'with its configuration')?.id
    await machine.must('rollback', String(kept), '--yes')
    await machine.rebootAndConfirm()
    expect((await machine.facts()).config).not.toBe('interval=99')
    await machine.must('forward', '--yes')
    await machine.rebootAndConfirm()
    expect((await machine.facts()).config).toBe('interval=99')
    await expectWhole(machine)
  })
})
