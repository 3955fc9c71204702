import { describe, expect, it } from 'vitest'
import { BugError } from '../../../src/errors.ts'
import { parseSubvolumeList } from '../../../src/snap/btrfs/subvolume-list.ts'

// Printed by btrfs-progs 6.2, `btrfs subvolume list -u -q -- TOP`.
const RECORDED = `ID 256 gen 7 top level 5 parent_uuid -                                    uuid e1800144-f4e5-a940-9ede-1c148d44a65a path @rootfs
ID 257 gen 7 top level 256 parent_uuid -                                    uuid 825ce9b9-58ac-6c4f-b0d2-5f72dcb65e33 path @rootfs/var lib  path uuid x
ID 258 gen 8 top level 5 parent_uuid e1800144-f4e5-a940-9ede-1c148d44a65a uuid 853b38eb-2416-c644-a625-4843a3c9d9a6 path @snap größe
ID 259 gen 8 top level 5 parent_uuid 853b38eb-2416-c644-a625-4843a3c9d9a6 uuid 4291afb1-15c2-ca4c-a86e-7c460f932195 path @belay/be/root
`

describe('the list of subvolumes', () => {
  it('has identity, origin and path of each, with blanks and words of the format in the path', () => {
    expect(parseSubvolumeList(RECORDED)).toEqual([
      { uuid: 'e1800144-f4e5-a940-9ede-1c148d44a65a', parentUuid: null, path: '@rootfs' },
      { uuid: '825ce9b9-58ac-6c4f-b0d2-5f72dcb65e33', parentUuid: null, path: '@rootfs/var lib  path uuid x' },
      { uuid: '853b38eb-2416-c644-a625-4843a3c9d9a6', parentUuid: 'e1800144-f4e5-a940-9ede-1c148d44a65a', path: '@snap größe' },
      { uuid: '4291afb1-15c2-ca4c-a86e-7c460f932195', parentUuid: '853b38eb-2416-c644-a625-4843a3c9d9a6', path: '@belay/be/root' },
    ])
  })

  it('of a filesystem without subvolumes is empty', () => {
    expect(parseSubvolumeList('')).toEqual([])
  })

  it.each([
    'ID 256 gen 7 top level 5 path @rootfs\n',
    'ERROR: not a btrfs filesystem: m\n',
    'ID 256 gen 7 top level 5 parent_uuid - uuid nonsense path @rootfs\n',
  ])('of another form is refused: %j', (text) => {
    expect(() => parseSubvolumeList(text)).toThrow()
  })

  it('of a form that it does not know is a bug, with the line', () => {
    expect(() => parseSubvolumeList('nonsense\n')).toThrow(BugError)
  })

  const known = parseSubvolumeList(RECORDED)
  const UUID = '00000000-0000-4000-8000-000000000001'
  const line = (uuid: string, path: string): string => `ID 300 gen 9 top level 5 parent_uuid - uuid ${uuid} path ${path}\n`

  it('holds out against a subvolume with a line break in its name', () => {
    expect(parseSubvolumeList(`${RECORDED}${line(UUID, 'home/user/a')}b\n`)).toEqual([...known, { uuid: UUID, parentUuid: null, path: 'home/user/a' }])
  })

  it.each([
    ['identity', 'elsewhere', known.at(-1)?.uuid ?? ''],
    ['place', '@belay/be/root', UUID],
  ])('believes neither of two lines that claim the same %s', (_, path, uuid) => {
    expect(parseSubvolumeList(`${RECORDED}${line(uuid, path)}`)).toEqual(known.slice(0, -1))
  })
})
