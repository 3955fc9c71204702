import { tellStory } from './story/appliance-story.ts'
import { cellOfEnvironment, machineOf } from './story/cell.ts'

const cell = cellOfEnvironment()

tellStory(`An appliance with a GRUB partition, ${cell}`, machineOf(cell))
