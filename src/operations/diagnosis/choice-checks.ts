import { type BootChoice, nextBoot } from '../../boot/boot-choice.ts'
import type { Index } from '../../snap/model.ts'
import type { BeName } from '../../snap/names.ts'
import { type Check, fixable, note, problem, rebootPending } from './finding.ts'

export const bootChoice: Check = async (appliance, { index, choice }) => {
  const { problems } = await appliance.boot.readChoice()
  if (choice === null) {
    const inMenu = await appliance.boot.confirmedInMenu()
    // What GRUB has started since. Times tell less: a clock may have been set back.
    const good = index.bootEnvironments.find((be) => be.name === inMenu)?.name ?? lastConfirmed(index)
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

export const session: Check = (_appliance, { index, choice, running }) => {
  const open = index.session
  const next = choice === null ? null : nextBoot(choice).be
  if (open !== null && running !== open.be && next === running) {
    return Promise.resolve([
      problem('fell-back', `${open.text.replace(/^before/, 'the')} did not stay; ${String(running)} runs, the version before it`, 'belay confirm'),
    ])
  }
  if (choice !== null && next !== null && next !== running && (running === null || choice.trial !== running)) {
    const picked = running !== null && choice.once === null && ![choice.good, choice.trial, open?.be].includes(running)
    const runs = `${running ?? 'a root that is not belay’s'} runs${picked ? ' for this boot (to stay in it: belay confirm)' : ''}`
    return Promise.resolve([rebootPending(`the next boot starts ${next}; ${runs}`)])
  }
  return Promise.resolve([])
}

export const trial: Check = async (appliance, { index, choice, running }) => {
  if (running === null || choice === null || choice.good === running || choice.trial !== running) return []
  if (await appliance.rebootNote.isSet()) return [rebootPending(`${running} was upgraded; a reboot starts it with what is new`)]
  return [
    note(
      'trial',
      `${running} is on trial${choice.attemptsLeft === 0 ? ', and this is its last attempt' : ''}${index.session === null ? '' : ` (${index.session.text.replace(/^before /, '')})`}`,
      'belay confirm',
    ),
  ]
}
