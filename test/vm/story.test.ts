import { tellStory } from './story/appliance-story.ts'
import { machineOf, parseCell } from './story/cell.ts'

const cell = parseCell(process.env['BELAY_CELL'] ?? 'btrfs-bios-13')

tellStory(`An appliance with a GRUB partition, ${cell}`, machineOf(cell))
