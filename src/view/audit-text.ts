import type { AuditEntry } from '../snap/audit-log.ts'
import { columns, minute } from './columns.ts'

/** `belay audit` for people, newest last. */
export const auditText = (entries: readonly AuditEntry[], width: number | null = null): string =>
  entries.length === 0
    ? 'Nothing was changed yet.\n'
    : `${columns([['WHEN', 'WHO', 'WHAT', 'HOW IT ENDED', 'EFFECT'], ...entries.map((entry) => [minute(entry.at), entry.user, entry.operation, `${entry.outcome}${entry.recovered ? ' by a later run' : ''}`, entry.error ?? entry.summary])], width)}\n`
