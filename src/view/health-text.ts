import type { HealthReport } from '../operations/health/report-health.ts'

/** `belay health` for people: what is wrong first, with what was written last, then what is well. */
export const healthText = ({ healthy, checks }: HealthReport): string => {
  const sick = checks
    .filter((check) => !check.healthy)
    .flatMap(({ check, text, lines }) => [`FAILED  ${check}: ${text}`, ...lines.map((line) => `          ${line}`)])
  const well = checks.filter((check) => check.healthy).map(({ check, text }) => `ok      ${check}: ${text}`)
  return `${[...sick, ...well, healthy ? 'Healthy.' : 'Not healthy.'].join('\n')}\n`
}
