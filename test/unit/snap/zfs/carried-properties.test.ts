import { expect, it } from 'vitest'
import { carriedByClone } from '../../../../src/snap/zfs/carried-properties.ts'
import { parseOwnProperties } from '../../../../src/snap/zfs/dataset-list.ts'

it('carries what a dataset is used by, and neither its place nor marks nor what only its making can choose', () => {
  const printed = ['mountpoint\t/srv/files', 'canmount\tnoauto', 'acltype\tposix', 'quota\t1073741824', 'refreservation\t0', 'sharenfs\ton']
  const user = ['belay:mark\t{"format":1}', 'com.sun:auto-snapshot\tfalse', 'org.example:note\tone\ttwo', 'and a second line of it']
  expect(carriedByClone(parseOwnProperties([...printed, ...user, ''].join('\n')))).toEqual({
    acltype: 'posix',
    quota: '1073741824',
    'com.sun:auto-snapshot': 'false',
    'org.example:note': 'one\ttwo',
  })
})
