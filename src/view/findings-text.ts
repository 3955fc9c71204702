import type { Finding } from '../operations/diagnosis/finding.ts'

const LABEL = { problem: 'Problem', reboot: 'Reboot', note: 'Note' } as const

/** What `belay doctor` found, for people: each finding with the command that mends it. */
export const findingsText = (findings: readonly Finding[]): string =>
  findings.length === 0
    ? 'Nothing is wrong.\n'
    : `${findings.map((finding) => `${LABEL[finding.severity]}: ${finding.text}\n  ${finding.remedy}`).join('\n')}\n`
