import { tellStory } from './story/appliance-story.ts'

tellStory('An appliance with BIOS and a GRUB partition', {})
