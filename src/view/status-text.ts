import type { Status } from '../operations/read-status.ts'
import { bytes, columns, minute } from './columns.ts'
import { faultsText, leftByFallback, reasonText, tornText } from './running-text.ts'

const packagesText = (packages: Readonly<Record<string, string>>): string =>
  Object.entries(packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')

/** `belay status` for people. */
export const statusText = (status: Status, width: number | null = null): string => {
  if (!status.initialised) return `${['This machine is not belay’s yet.', ...status.problems, 'Try: belay init --plan'].join('\n')}\n`
  const { running, next, choice } = status
  const attempts =
    status.choice?.trial === next?.be ? `, ${String(status.choice?.attemptsLeft)} ${status.choice?.attemptsLeft === 1 ? 'attempt' : 'attempts'} left` : ''
  const rows: string[][] = [
    ['Running', typeof running?.be === 'string' ? `${running.be} (${running.confirmed ? 'confirmed' : 'not confirmed'})` : 'a root that is none of belay’s'],
    ['', packagesText(running?.packages ?? {})],
    [
      'Why',
      running === null || running.why === 'confirmed'
        ? ''
        : reasonText({
            ...running,
            attemptsLeft: choice?.attemptsLeft ?? 0,
            fallback: choice === null ? null : { be: choice.good },
            left: status.left.at(-1) ?? null,
            failure: status.failedTrial,
          }),
    ],
    [
      'Next boot',
      next === null
        ? 'unknown: the boot choice is lost'
        : `${next.be}${next.generation === null ? '' : `, generation ${String(next.generation)}`} (${next.reason}${attempts})`,
    ],
    ['Fallback', status.choice?.good ?? 'unknown'],
    ['Generations', `${String(status.generations)}${status.factory === null ? '' : `, factory ${String(status.factory)}`}`],
    ['Space', `pool ${bytes(status.space.pool.free)} free of ${bytes(status.space.pool.total)}, GRUB partition ${bytes(status.space.grubPartition.free)} free`],
  ]
  if (running !== null && running.faults.length > 0) rows.push(['Health', `not healthy: ${faultsText(running.faults)} (belay health)`])
  if (status.failedTrial !== null) {
    const { faults } = status.failedTrial
    rows.push(...faults.flatMap(({ lines }) => lines).map((line) => ['', line]), ['', leftByFallback(status.failedTrial) ?? ''])
  }
  if (status.torn !== null) rows.push(['', tornText(status.torn)])
  if (status.trial !== null && status.trial.wanted > 1)
    rows.push(['Trial', `${String(status.trial.healthyBoots)} of ${String(status.trial.wanted)} healthy boots`])
  if (status.session !== null) rows.push(['Upgrade', `${status.session.phase}: ${status.session.text}`])
  if (status.upgrade?.accepted === false)
    rows.push(['Next upgrade', `has to wait: ${status.upgrade.why ?? ''}${status.upgrade.next.length === 0 ? '' : ` (${status.upgrade.next.join('; ')})`}`])
  if (status.left.length > 0) rows.push(['Left behind', `generation ${status.left.map(String).join(', ')} (belay forward)`])
  const lines = [
    columns(
      rows.filter((row) => row[1] !== ''),
      width,
    ),
  ]
  if (status.rebootRequired) lines.push('', 'A reboot is needed: systemctl reboot')
  for (const { operation, plan, pid } of status.underWay) lines.push('', `${operation} ${plan} is under way (process ${String(pid)}): wait for it to end`)
  if (status.aptRun !== null) {
    const { text, pid, atWork } = status.aptRun
    lines.push(
      '',
      atWork ? `${text} is under way (process ${String(pid)}): it is closed when that has ended` : `${text} has ended and was not closed: belay doctor --fix`,
    )
  }
  if (status.unguarded.length > 0)
    lines.push(
      '',
      'Without a restore point:',
      columns(
        status.unguarded.map(({ at, summary, why }) => [`  ${minute(at)}`, summary, why]),
        width,
      ),
    )
  for (const { operation, plan } of status.interrupted) lines.push('', `${operation} ${plan} was interrupted: belay doctor --fix`)
  if (status.problems.length > 0) lines.push('', ...status.problems.map((problem) => `Problem: ${problem}`), 'Try: belay doctor')
  return `${lines.join('\n')}\n`
}
