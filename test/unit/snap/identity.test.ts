import { beforeEach, describe, expect, it } from 'vitest'
import { defaultPolicy } from '../../../src/policy/policy.ts'
import { carryIdentity, differencesIn, readIdentity, takeBackIdentity, writeIdentity } from '../../../src/snap/identity.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const PATTERNS = defaultPolicy().identity
const KEPT = '/state/identity/plan.be-000002.json'

describe('the identity of a machine', () => {
  let files: MemoryFiles

  const put = async (path: string, content: string | Uint8Array, mode = 0o644, owner?: { uid: number; gid: number }): Promise<void> => {
    await files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755)
    await files.writeAtomic(path, content, mode, owner)
  }

  beforeEach(async () => {
    files = new MemoryFiles()
    await put('/running/etc/machine-id', '11111111111111111111111111111111\n', 0o444)
    await put('/running/etc/hostid', new Uint8Array([0, 255, 10, 127]))
    await put('/running/etc/ssh/ssh_host_ed25519_key', 'private\n', 0o600, { uid: 0, gid: 101 })
    await put('/running/etc/ssh/ssh_host_ed25519_key.pub', 'public\n')
    await put('/running/etc/ssh/sshd_config', 'Port 22\n')
    await put('/standby/etc/machine-id', '22222222222222222222222222222222\n', 0o444)
    await put('/standby/etc/ssh/ssh_host_ed25519_key', 'old private\n', 0o644)
    await put('/standby/etc/ssh/sshd_config', 'Port 2222\n')
  })

  const carry = async (): Promise<string[]> => carryIdentity(files, '/standby', await readIdentity(files, '/running', PATTERNS), KEPT)

  it('is what the list names, with globs in the last part, byte for byte, with mode and owner', async () => {
    expect((await carry()).toSorted()).toEqual(['/etc/hostid', '/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key', '/etc/ssh/ssh_host_ed25519_key.pub'])
    expect(await files.stat('/standby/etc/ssh/ssh_host_ed25519_key')).toMatchObject({ mode: 0o600, uid: 0, gid: 101 })
    expect(await files.readBytes('/standby/etc/hostid')).toEqual(Buffer.from([0, 255, 10, 127]))
    expect(await files.readText('/standby/etc/ssh/sshd_config')).toBe('Port 2222\n')
    expect(await differencesIn(files, '/standby', await readIdentity(files, '/running', PATTERNS))).toEqual([])
  })

  it.each([
    ['empty', ''],
    ['uninitialized', 'uninitialized\n'],
  ])('that is %s is none, and replaces nothing', async (_, content) => {
    await files.writeAtomic('/running/etc/machine-id', content, 0o444)
    await carry()
    expect(await files.readText('/standby/etc/machine-id')).toMatch(/^2{32}$/m)
  })

  it('replaces one that waits for its first boot', async () => {
    await files.writeAtomic('/standby/etc/machine-id', 'uninitialized\n', 0o444)
    await carry()
    expect(await files.readText('/standby/etc/machine-id')).toMatch(/^1{32}$/m)
  })

  it('leaves what only the other version has, and makes no directory that it has no use for', async () => {
    await put('/standby/etc/ssh/ssh_host_rsa_key', 'its own\n', 0o600)
    await put('/running/var/lib/dbus/machine-id', '1\n')
    await carry()
    expect(await files.readText('/standby/etc/ssh/ssh_host_rsa_key')).toBe('its own\n')
    expect(await files.stat('/standby/var')).toBeNull()
  })

  it('goes through no link, at the end of a path or in the middle of it, and reads through none', async () => {
    await put('/outside/machine-id', 'outside\n')
    await put('/outside/ssh/ssh_host_ed25519_key', 'outside\n')
    await files.remove('/standby/etc/machine-id')
    await files.symlink('/outside/machine-id', '/standby/etc/machine-id')
    await files.remove('/standby/etc/ssh')
    await files.symlink('/outside/ssh', '/standby/etc/ssh')
    const before = files.dump('/outside')
    expect(await carry()).toEqual(['/etc/hostid'])
    expect(files.dump('/outside')).toEqual(before)
    expect(await readIdentity(files, '/standby', PATTERNS)).toMatchObject([{ path: '/etc/hostid' }])
  })

  it('is taken back to what was there, whatever was done of it', async () => {
    const before = files.dump('/standby')
    await takeBackIdentity(files, '/standby', KEPT)
    await carry()
    // A second try finds its own work and must not take it for what was there.
    await files.writeAtomic('/standby/etc/machine-id', 'half\n', 0o444)
    await carry()
    await takeBackIdentity(files, '/standby', KEPT)
    expect(files.dump('/standby')).toEqual(before)
    expect(await files.stat('/standby/etc/ssh/ssh_host_ed25519_key')).toMatchObject({ mode: 0o644, gid: 0 })
    expect(await files.stat(KEPT)).toBeNull()
  })

  it('keeps what it replaces where only root can read it', async () => {
    await carry()
    expect(await files.stat(KEPT)).toMatchObject({ mode: 0o600 })
    expect(await files.stat('/state/identity')).toMatchObject({ mode: 0o700 })
  })

  it('writes nothing where everything is as it should be', async () => {
    await writeIdentity(files, '/standby', await readIdentity(files, '/running', PATTERNS))
    expect(await carry()).toEqual([])
    expect(await files.stat(KEPT)).toBeNull()
  })
})
