import { describe, expect, it } from 'vitest'
import { loginNameOf, parsePasswd, readProcessActor } from '../../../src/sys/actor-process.ts'
import { isProcessAlive } from '../../../src/sys/process-alive.ts'

const names = parsePasswd('root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\noperator:x:1000:1000:,,,:/home/operator:/bin/bash\n+nis\nbad:x:-1:0\n')
const asRoot = { uid: 0, loginUid: '4294967295', sudoUid: undefined, sudoUser: undefined, names }

describe('the login name of the actor', () => {
  it('is the one that the audit subsystem recorded, whatever the environment says', () => {
    expect(loginNameOf({ ...asRoot, loginUid: '1000\n', sudoUid: '0', sudoUser: 'root' })).toBe('operator')
    expect(loginNameOf({ ...asRoot, loginUid: '2000' })).toBe('uid 2000')
  })

  it('is the one that sudo names, if passwd knows it by that uid', () => {
    expect(loginNameOf({ ...asRoot, sudoUid: '1000', sudoUser: 'operator' })).toBe('operator')
    expect(loginNameOf({ ...asRoot, sudoUid: '1000', sudoUser: 'somebody\nelse' })).toBe('root')
    expect(loginNameOf({ ...asRoot, sudoUid: '1001', sudoUser: 'operator' })).toBe('root')
  })

  it('is else the first name of the uid', () => {
    expect(loginNameOf({ ...asRoot, loginUid: '' })).toBe('root')
    expect(loginNameOf({ ...asRoot, uid: 77 })).toBe('uid 77')
  })
})

describe('isProcessAlive', () => {
  it('tells this process from an earlier one with the same pid and from none', async () => {
    const { pid, startTime } = await readProcessActor()
    expect(await isProcessAlive({ pid, startTime })).toBe(true)
    expect(await isProcessAlive({ pid, startTime: '1' })).toBe(false)
    expect(await isProcessAlive({ pid: 4_194_305, startTime })).toBe(false)
  })
})
