import type { BeName, DataName, GenerationName } from '../names.ts'

/** Where belay keeps its subvolumes, as paths from the top level of the filesystem. */
export const TOP = '@belay'
export const STATE = `${TOP}/state`

const DIRECTORY = { generation: 'gen', be: 'be', data: 'data' } as const
export type ContainerKind = keyof typeof DIRECTORY

export const kindDirectory = (kind: ContainerKind): string => `${TOP}/${DIRECTORY[kind]}`

/** The plain directory that holds an object's mark and subvolumes. */
export const containerOf = (kind: ContainerKind, name: GenerationName | BeName | DataName): string => `${kindDirectory(kind)}/${name}`

/** Name of a member's subvolume in a generation's container: members cannot be nested in a read-only snapshot. */
export const memberName = (role: string, position: number): string => (role === 'root' ? 'root' : `${role}-${String(position)}`)
