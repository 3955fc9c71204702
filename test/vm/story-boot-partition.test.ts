import { tellStory } from './story/appliance-story.ts'

tellStory('An appliance as the installer leaves it, with /boot on an ext4 of its own', { layout: 'boot-partition' })
