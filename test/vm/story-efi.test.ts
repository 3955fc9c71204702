import { tellStory } from './story/appliance-story.ts'

tellStory('An appliance with UEFI and a GRUB partition', { firmware: 'efi' })
