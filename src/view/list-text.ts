import type { GenerationList, ListedGeneration } from '../operations/list-generations.ts'
import { columns, minute } from './columns.ts'

const marksOf = (generation: ListedGeneration): string =>
  [
    generation.running ? '*' : ' ',
    generation.next ? '>' : ' ',
    generation.keep ? 'k' : ' ',
    generation.factory ? 'f' : ' ',
    generation.withData ? 'd' : ' ',
  ].join('')

const HEALTH: Readonly<Record<string, string>> = { confirmed: 'ok', failed: 'failed', unknown: '-' }

/** What is said of a version that runs and is no generation yet, by why it runs. */
const NOT_TAKEN: Readonly<Record<string, string>> = {
  trial: 'runs on trial; belay confirm takes it as a generation',
  upgraded: 'was upgraded; a reboot starts its trial',
  upgrading: 'is being upgraded',
  'upgrade-failed': 'its upgrade failed; a reboot leaves it',
}

/** `belay list` for people. */
export const listText = (list: GenerationList, width: number | null = null): string => {
  const rows = [
    ['ID', 'MARKS', 'WHEN', 'HEALTH', 'KERNEL', 'STARTS AS', 'WHAT'],
    ...list.generations.map((generation) => [
      String(generation.id),
      marksOf(generation),
      minute(generation.createdAt),
      HEALTH[generation.health] ?? generation.health,
      generation.kernel ?? '-',
      generation.be ?? '-',
      generation.text,
    ]),
  ]
  const { be } = list.running
  if (be !== null && !list.generations.some((generation) => generation.running)) {
    rows.push(['-', `*${list.next === be ? '>' : ' '}`, '', '-', '-', be, NOT_TAKEN[list.running.why] ?? 'was changed since it was taken'])
  }
  for (const { be: name, tornAt } of list.torn)
    rows.push(['-', '', minute(tornAt), 'torn', '-', name, 'its upgrade was cut or failed; kept to be looked into, never started'])
  return `${columns(rows, width)}\n\n* runs   > next boot   k kept   f factory   d with data\n`
}
