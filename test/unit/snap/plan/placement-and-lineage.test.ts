import { describe, expect, it } from 'vitest'
import { type RootPath, mountedAlready, placeOutsideRoot } from '../../../../src/snap/plan/not-operating-system.ts'
import { lineageOf, versionBeforeLastUpgrade } from '../../../../src/snap/plan/lineage.ts'
import { be, generation, name, state } from './planning-state.ts'

const directory = (path: string): RootPath => ({ path, kind: 'directory', mount: null })
const none = { inRoot: [], data: [], config: [] }
const placed = (
  found: readonly RootPath[],
  choices: Partial<typeof none> | { readonly inRoot?: readonly string[]; readonly data?: readonly string[]; readonly config?: readonly string[] } = {},
) => placeOutsideRoot(found, { ...none, ...choices }).map(({ path, role }) => `${role} ${path}`)

describe('what init places outside root', () => {
  it('is people’s files, what is served, mail, queues and logs', () => {
    expect(placed(['/home', '/srv', '/var/mail', '/var/spool', '/var/log', '/usr', '/etc', '/opt'].map(directory))).toEqual([
      'data /home',
      'data /srv',
      'log /var/log',
      'data /var/mail',
      'data /var/spool',
    ])
  })

  it('is services’ state, and not the operating system’s', () => {
    expect(placed(['/var/lib/postgresql', '/var/lib/dpkg', '/var/lib/apt', '/var/lib/systemd', '/var/lib/docker'].map(directory))).toEqual([
      'data /var/lib/docker',
      'data /var/lib/postgresql',
    ])
  })

  it('is nothing that is not there, a link, or a filesystem of its own already', () => {
    expect(
      placed([
        { path: '/home', kind: 'symlink', mount: null },
        { path: '/srv', kind: 'directory', mount: '/srv' },
        { path: '/var/mail', kind: 'other', mount: null },
      ]),
    ).toEqual([])
  })

  it('is nothing that lies on a filesystem of its own, which is named once, unless somebody named it', () => {
    const found: RootPath[] = [
      { path: '/home', kind: 'directory', mount: '/home' },
      { path: '/srv', kind: 'directory', mount: '/srv' },
      { path: '/var/log', kind: 'directory', mount: '/var' },
      { path: '/var/mail', kind: 'directory', mount: '/var' },
      { path: '/var/spool', kind: 'directory', mount: null },
      { path: '/mnt/backup', kind: 'directory', mount: '/mnt/backup' },
    ]
    expect(placed(found, { data: ['/srv'] })).toEqual(['data /var/spool'])
    expect(mountedAlready(found, { ...none, data: ['/srv'], inRoot: ['/home'] })).toEqual(['/var'])
    expect(mountedAlready(found, none)).toEqual(['/home', '/srv', '/var'])
  })

  it('leaves in root what policy names there, and what lies below it', () => {
    expect(placed([directory('/srv'), directory('/var/lib/acme')], { inRoot: ['/srv', '/var/lib'] })).toEqual([])
  })

  it('leaves configuration where it is, also when it lies in a path that would go', () => {
    expect(placed([directory('/srv'), directory('/var/lib/acme')], { config: ['/srv/etc', '/var/lib/acme'] })).toEqual([])
  })

  it('takes paths that are named, and not a second time what lies in them or around them', () => {
    expect(placed([directory('/srv'), directory('/srv/files'), directory('/opt/data')], { data: ['/srv/files', '/opt/data'] })).toEqual([
      'data /opt/data',
      'data /srv/files',
    ])
  })

  it('does not take one path’s name for the beginning of another', () => {
    expect(placed([directory('/srv'), directory('/srv2')], { inRoot: ['/sr'], data: ['/srv2'] })).toEqual(['data /srv', 'data /srv2'])
  })
})

describe('lineage', () => {
  const index = state({
    generations: [
      generation(1, { kind: 'factory', takenFrom: 1 }),
      generation(2, { kind: 'before-upgrade', takenFrom: 1 }),
      generation(3, { kind: 'after-upgrade', takenFrom: 1 }),
      generation(4, { kind: 'before-rollback', takenFrom: 1 }),
      generation(5, { kind: 'before-upgrade', takenFrom: 3 }),
      generation(6, { kind: 'after-upgrade', takenFrom: 3 }),
    ],
    bes: [be(1, { standsFor: 4 }), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2 })],
  }).index

  it('goes from a boot environment’s own generations to those it descends from, newest first', () => {
    expect(lineageOf(index, name(3)).map((item) => item.id)).toEqual([6, 5, 2, 1])
    expect(lineageOf(index, name(1)).map((item) => item.id)).toEqual([4, 3, 2, 1])
  })

  it('leaves out what its ancestors did after it went its own way', () => {
    expect(lineageOf(index, name(2)).map((item) => item.id)).toEqual([1])
  })

  it('finds the version before the last upgrade, past the one that it is a clone of', () => {
    expect(versionBeforeLastUpgrade(index, name(3))?.id).toBe(5)
    expect(versionBeforeLastUpgrade(index, name(1))?.id).toBe(2)
    expect(versionBeforeLastUpgrade(index, name(2))).toBeNull()
  })

  it('ends when records contradict themselves', () => {
    const circular = state({ generations: [generation(1, { takenFrom: 2 })], bes: [be(1, { origin: 1 }), be(2, { origin: 1 })] }).index
    expect(lineageOf(circular, name(1)).map((item) => item.id)).toEqual([1])
    expect(lineageOf(circular, name(9))).toEqual([])
  })
})
