import { z } from 'zod'
import { BelayError, InvalidFileError } from '../errors.ts'
import { type BootChoice, nextBoot } from '../boot/boot-choice.ts'
import { BOOT_PARTITION } from '../snap/fstab.ts'
import { notInitialised } from '../snap/index-store.ts'
import type { Index } from '../snap/model.ts'
import { type BeName, numberOf } from '../snap/names.ts'
import { inTarget } from '../snap/target.ts'
import type { Appliance } from './appliance.ts'
import { carryIdentityToAll, findForeignIdentity } from './carry-identity.ts'
import { findPathsLeftInRoot } from './find-paths-left-in-root.ts'
import { isBootSetInStep, readPlanningState, readRunning } from './read-planning-state.ts'

export const Finding = z.object({
  code: z.string(),
  /** `reboot` is the one finding of a healthy machine that waits for its reboot; notes need nothing done. */
  severity: z.enum(['problem', 'reboot', 'note']),
  text: z.string(),
  remedy: z.string().describe('the exact command, or what to do'),
  fixable: z.boolean().describe('whether belay doctor --fix does it'),
})
export type Finding = z.infer<typeof Finding>

/** A finding with what `--fix` does about it. */
export interface Diagnosis {
  readonly finding: Finding
  readonly fix: (() => Promise<void>) | null
}

interface Facts {
  readonly index: Index
  readonly choice: BootChoice | null
  readonly running: BeName | null
}

type Check = (appliance: Appliance, facts: Facts) => Promise<Diagnosis[]>

const problem = (code: string, text: string, remedy: string): Diagnosis => ({ finding: { code, severity: 'problem', text, remedy, fixable: false }, fix: null })
const fixable = (code: string, text: string, fix: () => Promise<void>): Diagnosis => ({
  finding: { code, severity: 'problem', text, remedy: 'belay doctor --fix', fixable: true },
  fix,
})
const note = (code: string, text: string, remedy: string): Diagnosis => ({ finding: { code, severity: 'note', text, remedy, fixable: false }, fix: null })

const bootChoice: Check = async (appliance, { index, choice }) => {
  const { problems } = await appliance.boot.readChoice()
  if (choice === null) {
    const good = lastConfirmed(index)
    const text = `the boot choice cannot be read: ${problems.join('; ')}`
    if (good === null) return [problem('env-lost', text, 'boot a version from the menu, then run belay doctor --fix')]
    return [
      fixable('env-lost', text, async () => {
        const written: BootChoice = { good, trial: null, attemptsLeft: 0, once: null }
        await appliance.boot.writeMenu(index, written)
        await appliance.boot.writeChoice(written)
      }),
    ]
  }
  const damaged =
    problems.length === 0 ? [] : [fixable('env-damaged', `the boot choice is damaged: ${problems.join('; ')}`, () => appliance.boot.writeChoice(choice))]
  const unknown = [choice.good, choice.trial, choice.once].filter((name) => name !== null && !index.bootEnvironments.some((be) => be.name === name))
  return [...damaged, ...unknown.map((name) => problem('choice-unknown', `the boot choice names ${String(name)}, which is not in the index`, 'belay confirm'))]
}

/** What GRUB starts without the env block. An upgraded boot environment that was not confirmed since is none: its fallback is. */
const lastConfirmed = (index: Index): BeName | null => {
  const confirmed = index.bootEnvironments.filter((be) => be.confirmedAt !== null && be.name !== index.session?.be)
  const newest = confirmed.toSorted((a, b) => String(a.confirmedAt).localeCompare(String(b.confirmedAt))).at(-1)
  return index.session?.fallback ?? newest?.name ?? null
}

const session: Check = (_appliance, { index, choice, running }) => {
  const open = index.session
  const next = choice === null ? null : nextBoot(choice).be
  if (open !== null && running !== open.be && next === running) {
    return Promise.resolve([
      problem('fell-back', `${open.text.replace(/^before/, 'the')} did not stay; ${String(running)} runs, the version before it`, 'belay confirm'),
    ])
  }
  if (choice !== null && next !== null && next !== running && (running === null || choice.trial !== running)) {
    const picked = running !== null && choice.once === null && ![choice.good, choice.trial, open?.be].includes(running)
    return Promise.resolve([
      {
        finding: {
          code: 'reboot-pending',
          severity: 'reboot',
          text: `the next boot starts ${next}; ${running ?? 'a root that is not belay’s'} runs${picked ? ' for this boot (to stay in it: belay confirm)' : ''}`,
          remedy: 'systemctl reboot',
          fixable: false,
        },
        fix: null,
      },
    ])
  }
  return Promise.resolve([])
}

const trial: Check = async (appliance, { index, choice, running }) => {
  if (running === null || choice === null || choice.good === running || choice.trial !== running) return []
  if (await appliance.rebootNote.isSet())
    return [
      {
        finding: {
          code: 'reboot-pending',
          severity: 'reboot',
          text: `${running} was upgraded; a reboot starts it with what is new`,
          remedy: 'systemctl reboot',
          fixable: false,
        },
        fix: null,
      },
    ]
  return [
    note(
      'trial',
      `${running} is on trial${choice.attemptsLeft === 0 ? ', and this is its last attempt' : ''}${index.session === null ? '' : ` (${index.session.text.replace(/^before /, '')})`}`,
      'belay confirm',
    ),
  ]
}

const packages: Check = async (appliance) => {
  const state = await appliance.packages.state()
  return state.problems.map((found) => problem(`packages/${found.code}`, found.text, found.remedy))
}

const bootSets: Check = async (appliance, { index, running }) => {
  const found: Diagnosis[] = []
  for (const be of index.bootEnvironments) {
    const faults = await appliance.boot.faultsOf(be.name, be.name === running)
    if (faults.length === 0) continue
    const root = be.members.find((member) => member.role === 'root')
    if (root === undefined) continue
    found.push(
      fixable('boot-set', `${be.name} cannot be offered: ${faults.join('; ')}`, async () => {
        await appliance.boot.buildBootSet(be.name, await appliance.driver.directoryOf(root.volume), appliance.driver.bootRoot(root.volume))
      }),
    )
  }
  const abandoned = index.session?.phase === 'failed' && index.session.be === running
  if (running !== null && !abandoned && found.length === 0 && !(await isBootSetInStep(appliance, index, running))) {
    const root = index.bootEnvironments.find((be) => be.name === running)?.members.find((member) => member.role === 'root')
    if (root !== undefined) {
      found.push(
        fixable('boot-set-behind', `the boot set of ${running} is not what its /boot holds now`, async () => {
          const bootSet = await appliance.boot.buildBootSet(running, appliance.target.root, appliance.driver.bootRoot(root.volume))
          const before = index.bootEnvironments.find((be) => be.name === running)?.bootSet ?? null
          await appliance.index.change([{ change: 'be-boot-set', name: running, bootSet: { from: before, to: bootSet } }])
        }),
      )
    }
  }
  const strays = (await appliance.boot.bootSets()).filter((name) => !index.bootEnvironments.some((be) => be.name === name))
  return [
    ...found,
    ...strays.map((name) =>
      fixable('stray-boot-set', `the GRUB partition holds a boot set of ${name}, which does not exist`, () => appliance.boot.removeBootSet(name)),
    ),
  ]
}

const menu: Check = async (appliance, { index, choice }) => {
  if (choice === null) return []
  const found: Diagnosis[] = []
  if (!(await appliance.boot.isMenuCurrent(index, choice)))
    found.push(fixable('menu', 'the boot menu is not what the index says', () => appliance.boot.writeMenu(index, choice)))
  if (!(await appliance.boot.isGrubCfgOurs())) found.push(fixable('grub-cfg', '/boot/grub/grub.cfg is not belay’s', () => appliance.boot.installGrubCfg()))
  return found
}

const configMembers: Check = async (appliance) => {
  try {
    const state = await readPlanningState(appliance)
    const { running } = state
    if (running === null) return []
    return state.plainConfig.map((path) =>
      fixable('config-member', `${path} is not a filesystem of its own, so it would not be rolled back as configuration`, async () => {
        const member = await appliance.driver.carveConfig(running, path)
        const members = (await appliance.index.read()).bootEnvironments.find((be) => be.name === running)?.members ?? []
        await appliance.index.change([
          { change: 'be-members', name: running, members: { from: members, to: [...members.filter((other) => other.mountpoint !== path), member] } },
        ])
      }),
    )
  } catch (error) {
    if (error instanceof BelayError) return []
    throw error
  }
}

const pool: Check = async (appliance, { index }) => {
  const found: Diagnosis[] = []
  for (const generation of index.generations) {
    const present = await appliance.driver.membersOf(generation)
    if (present.length < generation.members.length) {
      found.push(
        problem(
          'generation-missing',
          `generation ${String(generation.id)} has lost ${String(generation.members.length - present.length)} of its members`,
          `belay delete ${String(generation.id)}`,
        ),
      )
    }
  }
  for (const object of await appliance.driver.survey()) {
    const known =
      object.kind === 'generation'
        ? index.generations.some((generation) => generation.id === numberOf(object.name))
        : object.kind === 'be'
          ? index.bootEnvironments.some((be) => be.name === object.name)
          : index.data.some((data) => data.name === object.name)
    if (known) continue
    found.push(
      object.marked
        ? problem('unknown-object', `the pool holds ${object.name} with belay’s mark, but the index does not know it`, 'belay audit   (to see what made it)')
        : note('foreign-object', `the pool holds ${object.name} without belay’s mark; it is left alone`, 'rename or delete it if nobody needs it'),
    )
  }
  return found
}

const reserve: Check = async (appliance) =>
  (await appliance.reserve.isMade(appliance.policy))
    ? []
    : [fixable('reserve', 'no space is held back for undo', () => appliance.reserve.make(appliance.policy))]

const leftInRoot: Check = async (appliance, { running }) =>
  running === null
    ? []
    : (await findPathsLeftInRoot(appliance)).map(({ path, why }) =>
        note(
          'in-root',
          `${path} (${why}) lies in root and goes back with a version`,
          `name it under inRoot in /etc/belay/config.yaml, or give it a filesystem of its own`,
        ),
      )

/** Known at each boot and at each change of version; a host key that was made new in between is in the running version alone. */
const identity: Check = async (appliance, { index, running }) =>
  (await findForeignIdentity(appliance, index, running)).map(({ be, paths }) => ({
    finding: {
      code: 'identity',
      severity: 'note',
      text: `${be} has ${paths.join(', ')} other than the machine has now`,
      remedy: 'belay doctor --fix   (the next boot does it too)',
      fixable: true,
    },
    fix: async () => {
      await carryIdentityToAll(appliance, index, running)
    },
  }))

const KERNEL_FILE = /^(?:vmlinuz|initrd\.img|config|System\.map)-/

/** The partition that was /boot still holds what only the system as it was before belay needs: worth a word when it takes more than what is left. */
const leftOnBootPartition: Check = async (appliance, { index, running }) => {
  if (running === null || index.bootEnvironments.find((be) => be.name === running)?.confirmedAt === null) return []
  const directory = inTarget(appliance.target, BOOT_PARTITION)
  if ((await appliance.files.stat(directory))?.kind !== 'directory') return []
  let bytes = 0
  for (const name of (await appliance.files.list(directory)).filter((candidate) => KERNEL_FILE.test(candidate)))
    bytes += (await appliance.files.stat(`${directory}/${name}`))?.size ?? 0
  if (bytes === 0 || (await appliance.boot.space()).free > bytes) return []
  return [
    note(
      'boot-partition',
      `${BOOT_PARTITION} holds ${String(Math.ceil(bytes / 1024 / 1024))} MiB of kernels for the system as it was before belay, and has less room left`,
      `when nobody needs that system any more: cd ${BOOT_PARTITION} && rm vmlinuz-* initrd.img-* config-* System.map-*`,
    ),
  ]
}

/** Looked at last and only on the running machine: it takes half a second. */
const bootLoader: Check = async ({ bootLoader: loader }) =>
  (await loader.hasStub()) !== false
    ? []
    : [
        {
          finding: {
            code: 'no-stub',
            severity: 'note',
            text: 'GRUB as it was installed on the disk cannot start a version when grub.cfg is damaged',
            remedy: 'belay doctor --fix',
            fixable: true,
          },
          fix: async () => {
            await loader.installStub()
          },
        },
      ]

const policyFile = (appliance: Appliance): Promise<Diagnosis[]> =>
  Promise.resolve(appliance.policyProblem === null ? [] : [problem('policy', appliance.policyProblem.message, 'edit /etc/belay/config.yaml')])

const CHECKS: readonly Check[] = [bootChoice, session, trial, packages, bootSets, pool, leftOnBootPartition]
/** Checks that compare with policy; without a readable one there is nothing to compare with. */
const POLICY_CHECKS: readonly Check[] = [configMembers, menu, reserve, leftInRoot, identity, bootLoader]

/** The index, or why there is none although this appliance was adopted. @throws NotFoundError where it was not. */
const readIndex = async (appliance: Appliance): Promise<{ readonly index: Index } | { readonly lost: Diagnosis }> => {
  const remedy = 'put index.json back from a backup of /var/lib/belay; GRUB, belay status and belay confirm work without it'
  try {
    const index = await appliance.index.readIfAny()
    if (index !== null) return { index }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return { lost: problem('index', error.message, error instanceof InvalidFileError ? remedy : error.next.join('; ')) }
  }
  if ((await appliance.boot.readChoice()).choice === null) throw notInitialised()
  return { lost: problem('index', 'the index of this appliance is lost', remedy) }
}

const findInterrupted = async (appliance: Appliance): Promise<Diagnosis[]> => {
  try {
    const unfinished = await appliance.journals.unfinished()
    return unfinished.map(({ record }) => problem('interrupted', `${record.plan.operation} ${record.plan.id} was interrupted`, 'belay doctor --fix'))
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return [problem('journal', error.message, error.next[0] ?? 'belay status')]
  }
}

/** All that is wrong with an appliance, with the exact remedy of each. */
export const diagnose = async (appliance: Appliance): Promise<Diagnosis[]> => {
  const interrupted = await findInterrupted(appliance)
  if (interrupted.length > 0) return interrupted
  const atPolicy = await policyFile(appliance)
  const known = await readIndex(appliance)
  if ('lost' in known) return [...atPolicy, known.lost]
  const { index } = known
  const { choice } = await appliance.boot.readChoice()
  const facts: Facts = { index, choice, running: await readRunning(appliance, index) }
  const found: Diagnosis[] = [...atPolicy]
  // What a failed upgrade left in the running version is what its reboot leaves behind: there is nothing to mend in it.
  const abandoned = index.session?.phase === 'failed' && index.session.be === facts.running
  const ofRunning: readonly Check[] = abandoned ? [packages, configMembers] : []
  for (const check of [...CHECKS, ...(atPolicy.length === 0 ? POLICY_CHECKS : [])].filter((candidate) => !ofRunning.includes(candidate)))
    found.push(...(await check(appliance, facts)))
  return found
}
