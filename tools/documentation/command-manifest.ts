import { z } from 'zod'

const Flag = z.object({
  name: z.string(),
  char: z.string().optional(),
  type: z.enum(['boolean', 'option']),
  summary: z.string().optional(),
  description: z.string().optional(),
  helpValue: z.string().optional(),
  options: z.array(z.string()).optional(),
  multiple: z.boolean().optional(),
  default: z.unknown().optional(),
  hidden: z.boolean().optional(),
})

const Argument = z.object({ name: z.string(), description: z.string().optional(), required: z.boolean().optional() })

const Command = z.object({
  id: z.string(),
  summary: z.string(),
  description: z.string().optional(),
  examples: z.array(z.string()).default([]),
  args: z.record(z.string(), Argument),
  flags: z.record(z.string(), Flag),
  strict: z.boolean(),
  hidden: z.boolean().optional(),
  exitCodes: z.array(z.int()).default([]),
})

/** What oclif knows of one command of belay: a part of its manifest (oclif 5). */
export type Command = z.infer<typeof Command>
export type Flag = z.infer<typeof Flag>

/** The commands of oclif's manifest that people are told of, by name. */
export const parseCommands = (manifest: string): Command[] =>
  Object.values(z.object({ commands: z.record(z.string(), Command) }).parse(JSON.parse(manifest)).commands)
    .filter((command) => command.hidden !== true)
    .sort((a, b) => (a.id < b.id ? -1 : 1))

/** `boot-set:refresh` as it is typed. */
export const commandWords = (command: Pick<Command, 'id'>): string => command.id.replaceAll(':', ' ')

/** Options by name, those of every command last. */
export const flagsOf = (command: Command): Flag[] =>
  Object.values(command.flags)
    .filter((flag) => flag.hidden !== true)
    .sort((a, b) => Number(COMMON.includes(a.name)) - Number(COMMON.includes(b.name)) || (a.name < b.name ? -1 : 1))

const COMMON = ['plan', 'yes', 'json', 'root']
