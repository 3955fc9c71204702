import { chmod, lstat, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { subvolumeOf, whatGrubWouldBoot } from '../../../demo/appliance/grub-choice.ts'
import { runTool } from '../../../demo/run-tool.ts'
import type { AuditEntry } from '../../../src/snap/audit-log.ts'
import type { Index } from '../../../src/snap/model.ts'
import type { BootReport } from '../../../src/operations/record-boot.ts'
import { Machine } from './machine.ts'
import { codesOf, expectWhole } from './whole-appliance.ts'

/** What is the machine's own stays with it, whichever version boots, and belay knows after each boot why that one did. */
let machine: Machine

const MACHINE_ID = 'etc/machine-id'
const HOST_KEY = 'etc/ssh/ssh_host_ed25519_key'
const HOSTID = 'etc/hostid'

beforeAll(async () => {
  machine = await Machine.make()
  await machine.install('acme-slow')
  await setIdentity('first')
  await machine.must('booted')
})

afterAll(async () => {
  await machine.close()
})

/** The running version's own identity, all of it made from a word. */
const setIdentity = async (word: string): Promise<void> => {
  const root = machine.root
  await mkdir(join(root, 'etc/ssh'), { recursive: true })
  await rm(join(root, MACHINE_ID), { force: true })
  await writeFile(join(root, MACHINE_ID), `${Buffer.from(word).toString('hex').padEnd(32, '0')}\n`, { mode: 0o444 })
  await writeFile(join(root, HOST_KEY), `private ${word}\n`, { mode: 0o600 })
  await chmod(join(root, HOST_KEY), 0o600)
  await writeFile(join(root, `${HOST_KEY}.pub`), `public ${word}\n`)
  await writeFile(join(root, HOSTID), Buffer.from(word.padEnd(4).slice(0, 4)))
}

const identityBelow = async (root: string) => ({
  machineId: await readFile(join(root, MACHINE_ID), 'utf8'),
  hostKey: await readFile(join(root, HOST_KEY), 'utf8'),
  publicKey: await readFile(join(root, `${HOST_KEY}.pub`), 'utf8'),
  hostid: await readFile(join(root, HOSTID), 'utf8'),
  mode: (await lstat(join(root, HOST_KEY))).mode & 0o777,
})

const identityOf = (word: string) => ({
  machineId: `${Buffer.from(word).toString('hex').padEnd(32, '0')}\n`,
  hostKey: `private ${word}\n`,
  publicKey: `public ${word}\n`,
  hostid: word.padEnd(4).slice(0, 4),
  mode: 0o600,
})

const readIndex = async (): Promise<Index> =>
  machine.atTopLevel(async (top) => JSON.parse(await readFile(join(top, '@belay/state/index.json'), 'utf8')) as Index)

const inBe = <Result>(be: string, work: (root: string) => Promise<Result>): Promise<Result> =>
  machine.atTopLevel((top) => work(join(top, '@belay/be', be, 'root')))

/** What the firmware and GRUB do: what GRUB takes from its env block is taken, and belay's unit runs. */
const powerOn = async (): Promise<BootReport> => {
  const choice = await whatGrubWouldBoot(machine.appliance)
  if (choice === null) throw new Error('GRUB would find nothing to start')
  if (choice.envAfter !== null) {
    const env = await open(join(machine.root, 'boot/grub/belay/env'), 'r+')
    await env.write(choice.envAfter, 0, choice.envAfter.length, 0)
    await env.sync()
    await env.close()
  }
  await machine.appliance.boot(subvolumeOf(choice))
  return booted()
}

const pickInMenu = async (be: string): Promise<BootReport> => {
  await machine.appliance.boot(`@belay/be/${be}/root`)
  return booted()
}

const booted = async (): Promise<BootReport> => (await machine.json(['booted'])).output as BootReport

const lastAudit = async (): Promise<AuditEntry | undefined> => ((await machine.json(['audit', '--last', '1'])).output as { entries: AuditEntry[] }).entries[0]

describe('the identity of a machine', () => {
  it('goes to every version that waits, when the machine has booted', async () => {
    for (const be of (await readIndex()).bootEnvironments) expect(await inBe(be.name, identityBelow), be.name).toEqual(identityOf('first'))
    await expectWhole(machine)
  })

  it('that was made new since a generation was taken stays on the way back and forward', async () => {
    const { generation } = await machine.operation('snapshot', '-m', 'before the keys were made new')
    await setIdentity('second')
    const plan = await machine.plan('rollback', String(generation))
    expect(plan.plan.steps.map((step) => step.kind)).toContain('identity.carry')
    await machine.must('rollback', String(generation), '--yes')
    expect(await powerOn()).toMatchObject({ why: 'trial', generation, identityGivenTo: expect.arrayContaining(['be-000002']) as unknown })
    expect(await identityBelow(machine.root)).toEqual(identityOf('second'))
    await setIdentity('third')
    await machine.must('forward', '--yes')
    expect(await powerOn()).toMatchObject({ running: 'be-000001', why: 'confirmed' })
    expect(await identityBelow(machine.root)).toEqual(identityOf('third'))
  })

  it('is noted by doctor where a version has another one, and mended', async () => {
    await setIdentity('fourth')
    const { findings } = await machine.doctor()
    expect(new Set(findings.map(({ code, severity }) => `${severity} ${code}`))).toEqual(new Set(['note identity']))
    expect((await machine.json(['doctor'])).status).toBe(0)
    await machine.must('doctor', '--fix')
    expect(codesOf((await machine.json(['doctor'])).output)).toEqual([])
    expect(await inBe('be-000002', identityBelow)).toEqual(identityOf('fourth'))
  })

  it('made new in a version that was picked in the menu is not taken back by the one that boots after it', async () => {
    await setIdentity('fifth')
    // The keys were changed, and nothing of belay ran since: the standby still has those of before.
    expect(await pickInMenu('be-000002')).toMatchObject({ why: 'picked', recorded: true })
    expect(await identityBelow(machine.root), 'what ran last has the newest').toEqual(identityOf('fifth'))
    await setIdentity('sixth')
    expect(await powerOn()).toMatchObject({ running: 'be-000001', why: 'confirmed' })
    expect(await identityBelow(machine.root)).toEqual(identityOf('sixth'))
  })

  it('follows no link out of a version, and leaves the link', async () => {
    const outside = join(machine.root, '../outside')
    await writeFile(outside, 'outside\n')
    await inBe('be-000002', async (root) => {
      await rm(join(root, HOSTID))
      await symlink(outside, join(root, HOSTID))
      await rm(join(root, 'etc/ssh'), { recursive: true })
      await symlink('/', join(root, 'etc/ssh'))
    })
    await setIdentity('seventh')
    await machine.must('rollback', '1', '--yes')
    await machine.must('doctor', '--fix')
    expect(await readFile(outside, 'utf8')).toBe('outside\n')
    await inBe('be-000002', async (root) => {
      expect((await lstat(join(root, HOSTID))).isSymbolicLink()).toBe(true)
      expect(await readFile(join(root, MACHINE_ID), 'utf8')).toBe(identityOf('seventh').machineId)
      await rm(join(root, HOSTID))
      await rm(join(root, 'etc/ssh'))
      await mkdir(join(root, 'etc/ssh'))
    })
    await rm(outside)
    await machine.must('rollback', '--yes', String((await readIndex()).left.at(-1)))
    await booted()
  })

  it.each(['menu.begun', 'switch.begun'])('is as it was after a rollback that failed at %s', async (point) => {
    await setIdentity('eighth')
    await booted()
    await setIdentity(point)
    const { generation } = await machine.operation('snapshot', '-m', 'of a machine that changes')
    const standby = (await readIndex()).bootEnvironments.find((be) => be.standsFor === generation)?.name ?? ''
    await inBe(standby, async (root) => {
      await writeFile(join(root, HOST_KEY), 'older\n')
      await chmod(join(root, HOST_KEY), 0o640)
    })
    const failed = await machine.json(['rollback', String(generation), '--yes'], { env: { BELAY_FAULT: `${point}:error` } })
    expect(failed.status).toBe(20)
    expect(await inBe(standby, identityBelow)).toMatchObject({ hostKey: 'older\n', mode: 0o640 })
    await machine.atTopLevel(async (top) => {
      expect((await runTool('/usr/bin/find', [join(top, '@belay/state/identity'), '-type', 'f'])).stdout).toBe('')
    })
    await machine.must('doctor', '--fix')
    await expectWhole(machine)
  })
})

describe('after a boot belay knows why the version runs', () => {
  it('an upgrade on trial, its last boot, and the fallback when nobody confirmed', async () => {
    machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
    await machine.must('upgrade', 'acme-slow', '--yes')
    const fallback = (await machine.status()).choice?.good
    for (const attemptsLeft of [2, 1, 0]) {
      expect(await powerOn()).toMatchObject({ running: 'be-000001', why: 'trial' })
      expect((await machine.status()).choice).toMatchObject({ attemptsLeft })
    }
    expect(await machine.status()).toMatchObject({ running: { why: 'trial' }, next: { be: fallback } })
    expect((await machine.belay(['status'])).stdout).toMatch(/Why +on trial after the upgrade to acme-slow 2\.0\.0; this is its last boot before/)
    expect(await powerOn()).toMatchObject({ running: fallback, why: 'fallback-from-trial', recorded: true })
    expect(await lastAudit()).toMatchObject({
      operation: 'booted',
      outcome: 'done',
      summary: expect.stringContaining('came up: fallback-from-trial (the upgrade to acme-slow 2.0.0)') as unknown,
    })
    expect((await readIndex()).lastStart).toMatchObject({ be: fallback, bootId: null })
    await machine.must('confirm')
    expect(await booted()).toMatchObject({ running: fallback, why: 'confirmed' })
  })

  it('an upgrade that the power cut interrupted, and has brought it to its end', async () => {
    const killed = await machine.belay(['upgrade', 'acme-slow', '--yes'], { env: { BELAY_FAULT: 'apply-1.begun:kill' } })
    expect(killed.signal).toBe('SIGKILL')
    expect(await powerOn()).toMatchObject({ why: 'fallback-from-upgrade', recorded: true })
    expect((await machine.status()).interrupted).toEqual([])
    expect(codesOf((await machine.json(['doctor', '--fix'])).output)).toEqual(['fell-back', 'torn'])
    await machine.must('confirm')
    await expectWhole(machine)
  })

  it('one boot that was chosen, and the next one without it', async () => {
    const before = (await machine.status()).running?.be
    await machine.must('rollback', '1', '--once', '--yes')
    expect(await powerOn()).toMatchObject({ why: 'picked', next: before })
    expect(await powerOn()).toMatchObject({ running: before, why: 'confirmed' })
  })

  it('while another operation is under way, without waiting for it and without a record', async () => {
    const entries = async (): Promise<number> => ((await machine.json(['audit'])).output as { entries: AuditEntry[] }).entries.length
    const before = await entries()
    const lock = await machine.atTopLevel((top) =>
      runTool('/usr/bin/flock', [
        '--exclusive',
        join(top, '@belay/state/lock'),
        process.execPath,
        join(import.meta.dirname, '../../../bin/belay.js'),
        'booted',
        '--json',
        '--root',
        machine.root,
      ]),
    )
    expect(JSON.parse(lock.stdout)).toMatchObject({ recorded: false, identityGivenTo: [] })
    expect(await entries()).toBe(before)
  })
})

describe('a standby that was started', () => {
  it('is not taken for what its generation holds any more, and stays as it is', async () => {
    const { generation } = await machine.operation('snapshot', '-m', 'to be tried')
    const home = (await machine.status()).running?.be ?? ''
    const standby = (await readIndex()).bootEnvironments.find((be) => be.standsFor === generation)?.name ?? ''
    await pickInMenu(standby)
    await writeFile(join(machine.root, 'etc/issue'), 'changed while it was tried\n')
    await pickInMenu(home)
    const made = await machine.operation('rollback', String(generation), '--yes')
    expect(made.plan.notices.join('\n')).toContain(`${standby} was started since it was cloned`)
    expect(made.next).not.toBe(standby)
    await powerOn()
    expect(await readFile(join(machine.root, 'etc/issue'), 'utf8')).not.toContain('changed while it was tried')
    expect(await inBe(standby, (root) => readFile(join(root, 'etc/issue'), 'utf8'))).toContain('changed while it was tried')
    await machine.must('confirm')
    await expectWhole(machine)
  })
})

describe('the boot menu', () => {
  it('is made anew when a version boots whose policy is another one', async () => {
    const { generation } = await machine.operation('snapshot', '-m', 'before the policy changes')
    const policy = join(machine.root, 'etc/belay/config.yaml')
    await writeFile(policy, (await readFile(policy, 'utf8')).replace(/menuEntries: \d+/, 'menuEntries: 3'))
    await machine.must('doctor', '--fix')
    await machine.must('rollback', String(generation), '--yes')
    await powerOn()
    await machine.must('confirm')
    await expectWhole(machine)
  })
})
