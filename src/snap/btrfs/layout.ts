import { BugError } from '../../errors.ts'
import { BeName, DataName, GenerationName } from '../names.ts'

/** Where belay keeps its subvolumes, as paths from the top level of the filesystem. */
export const TOP = '@belay'
export const STATE = `${TOP}/state`

const DIRECTORY = { generation: 'gen', be: 'be', data: 'data' } as const
export type ContainerKind = keyof typeof DIRECTORY

export const kindDirectory = (kind: ContainerKind): string => `${TOP}/${DIRECTORY[kind]}`

const NAME = { generation: GenerationName, be: BeName, data: DataName } as const

/** The plain directory that holds an object's mark and subvolumes. Names come from journals and indexes too: one that leads elsewhere must not get far. */
export const containerOf = (kind: ContainerKind, name: GenerationName | BeName | DataName): string => {
  if (!NAME[kind].safeParse(name).success) throw new BugError(`a ${kind} cannot be called ${name}`, { data: { kind, name } })
  return `${kindDirectory(kind)}/${name}`
}

/** Name of a member's subvolume in a generation's container: members cannot be nested in a read-only snapshot. */
export const memberName = (role: string, position: number): string => (role === 'root' ? 'root' : `${role}-${String(position)}`)
