import { z } from 'zod'
import { bold, entry, italic, literal, type ManualPage, paragraph, plain, references } from './roff.ts'

const SECTION = '## /etc/belay/config.yaml'

interface Property {
  readonly type?: string | undefined
  readonly properties?: Readonly<Record<string, Property>> | undefined
  readonly default?: unknown
}
const Property: z.ZodType<Property> = z.object({
  type: z.string().optional(),
  properties: z.lazy(() => z.record(z.string(), Property)).optional(),
  default: z.unknown().optional(),
})

/** The keys of the policy, `boot.menuEntries`, with their defaults, from its published JSON Schema. */
const keysOf = (schema: Property, prefix = ''): (readonly [key: string, byDefault: unknown])[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    property.properties === undefined ? [[`${prefix}${name}`, property.default] as const] : keysOf(property, `${prefix}${name}.`),
  )

const readKeys = (schemaText: string): ReadonlyMap<string, unknown> => new Map(keysOf(Property.parse(JSON.parse(schemaText))))

/** A value as it would be written in the file, with places where a line can end. */
const asYaml = (value: unknown): string => (Array.isArray(value) ? `[${value.map(String).join(', ')}]` : JSON.stringify(value ?? null))

const isLinked = (markdown: string): boolean => markdown.includes('](')

/** Markdown's code and emphasis as roff; of a link its words. */
const inline = (markdown: string): string =>
  markdown
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .split(/(`[^`]+`|\*\*[^*]+\*\*|_[^_]+_)/)
    .map((part) => (/^[`_*]/.test(part) ? (part.startsWith('_') ? italic : bold)(part.replace(/^([`_]|\*\*)(.*)\1$/s, '$2')) : plain(part)))
    .join('')

const tableOf = (section: string) =>
  [...section.matchAll(/^\| `([^`]+)`\s*\| (.*?)\s*\| (.*?)\s*\|$/gm)].map(([, key = '', byDefault = '', meaning = '']) => ({ key, byDefault, meaning }))

const sectionOf = (guide: string): string => guide.split(`\n${SECTION}\n`)[1]?.split(/\n## /)[0] ?? ''

/** Keys of the policy that the operator's guide or the published schema lacks. */
export const undocumentedKeys = (guide: string, schemaText: string): string[] => {
  const [wanted, told] = [[...readKeys(schemaText).keys()], tableOf(sectionOf(guide)).map(({ key }) => key)]
  return [...wanted.filter((key) => !told.includes(key)), ...told.filter((key) => !wanted.includes(key))]
}

/** belay-config.yaml(5), from the operator's guide; where that leads to another place for a default, the default is the schema's. */
export const configPage = (guide: string, schemaText: string): ManualPage => {
  const section = sectionOf(guide)
  const schema = readKeys(schemaText)
  const rows = tableOf(section).map(({ key, byDefault, meaning }) => ({
    key,
    meaning: inline(meaning),
    byDefault: isLinked(byDefault) ? plain(asYaml(schema.get(key))) : inline(byDefault),
  }))
  const [introduction = ''] = section.trim().split('\n\n')
  const example = /```yaml\n(.*?)```/s.exec(section)?.[1] ?? ''
  return {
    name: 'belay-config.yaml',
    section: 5,
    sections: [
      ['NAME', 'belay\\-config.yaml \\- what the owner of an appliance decides about belay\n'],
      ['SYNOPSIS', `${italic('/etc/belay/config.yaml')}\n`],
      ['DESCRIPTION', paragraph(inline(introduction.replaceAll('\n', ' ')))],
      ['KEYS', rows.map(({ key, byDefault, meaning }) => entry(bold(key), `${meaning}\n.br\nDefault: ${byDefault}`)).join('')],
      ['EXAMPLE', literal(example.trimEnd())],
      ['FILES', entry(italic('/usr/share/belay/schemas/config.json'), plain('JSON Schema of the file.'))],
      [
        'SEE ALSO',
        references([
          { name: 'belay', section: 1 },
          { name: 'belay-init', section: 1 },
        ]),
      ],
    ],
  }
}
