import { readStanzas } from './deb822.ts'
import type { DebconfAnswer, PackageDecision } from './packages.ts'

/** A question that a package may ask. */
export interface DebconfTemplate {
  readonly question: string
  readonly type: string
  readonly default: string | null
  /** The short description, one line. */
  readonly description: string
}

const TEMPLATE_FIELDS = ['Template', 'Type', 'Default', 'Description']

/** The templates file of a package (debconf-devel(7)); translations are skipped. */
export const parseTemplates = (text: string): DebconfTemplate[] =>
  [...readStanzas(text, TEMPLATE_FIELDS)].flatMap((stanza) => {
    const question = stanza.get('Template')
    if (question === undefined) return []
    const [description = ''] = (stanza.get('Description') ?? '').split('\n')
    return [{ question, type: stanza.get('Type') ?? 'string', default: stanza.get('Default') ?? null, description }]
  })

const DATABASE_FIELDS = ['Name', 'Value', 'Flags']

/** What debconf remembers of a question. */
export interface DebconfRecord {
  readonly value: string | null
  /** Somebody has answered it; otherwise the value is only a default. */
  readonly seen: boolean
}

/** Debconf's database file (/var/cache/debconf/config.dat, passwords.dat), by question. */
export const parseDebconfDatabase = (text: string): Map<string, DebconfRecord> => {
  const records = new Map<string, DebconfRecord>()
  for (const stanza of readStanzas(text, DATABASE_FIELDS)) {
    const name = stanza.get('Name')
    if (name === undefined) continue
    records.set(name, { value: stanza.get('Value') ?? null, seen: (stanza.get('Flags') ?? '').split(/[\s,]+/).includes('seen') })
  }
  return records
}

interface PackageTemplates {
  readonly package: string
  readonly templates: readonly DebconfTemplate[]
}

const ASKED = new Set(['string', 'boolean', 'select', 'multiselect', 'password'])
const HIDDEN = '(hidden)'

/**
 * The questions that the new packages bring, and known ones whose answer is another than policy's. Debconf asks nobody in a non-interactive run: it takes the
 * value that it has, else the template's default.
 */
export const decideDebconf = (
  packages: readonly PackageTemplates[],
  database: ReadonlyMap<string, DebconfRecord>,
  policy: readonly DebconfAnswer[],
): { decisions: PackageDecision[]; answers: DebconfAnswer[] } => {
  const names = new Set(packages.map((entry) => entry.package))
  const answers = policy.filter((answer) => names.has(answer.package))
  const answered = new Map(answers.map((answer) => [answer.question, answer]))
  const decisions = answers
    .filter((answer) => database.get(answer.question)?.value !== answer.value)
    .map((answer) => ({ subject: answer.question, answer: answer.type === 'password' ? HIDDEN : answer.value, why: 'policy says so in packages.debconf' }))
  for (const { package: name, templates } of packages) {
    for (const template of templates) {
      // A question that debconf knows already stays as it was, answered or not: this upgrade decides nothing about it.
      if (!ASKED.has(template.type) || answered.has(template.question) || database.has(template.question)) continue
      decisions.push({
        subject: template.question,
        answer: template.type === 'password' ? HIDDEN : (template.default ?? ''),
        why: `a new question of ${name} (${template.description}); policy has no answer, so the package's default holds`,
      })
    }
  }
  return { decisions, answers }
}
