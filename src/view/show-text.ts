import type { GenerationDetails } from '../operations/show-generation.ts'
import { columns, minute } from './columns.ts'

const secondsBetween = (from: string, to: string): string => `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} seconds`

/** What did not run while it was taken, and for how long units were down. */
const quiescedText = ({ units, idle, from, to }: NonNullable<GenerationDetails['quiesced']>): string =>
  [
    ...(units.length === 0 || from === null || to === null ? [] : [`stopped for ${secondsBetween(from, to)}: ${units.join(', ')}`]),
    ...(idle.length === 0 ? [] : [`not running: ${idle.join(', ')}`]),
  ].join('; ')

/** `belay show` for people. */
export const showText = (details: GenerationDetails, width: number | null = null): string => {
  const { generation } = details
  const rows = [
    ['Generation', `${String(generation.id)}${details.factory ? ' (factory)' : ''}${details.kept === null ? '' : ` (${details.kept})`}`],
    ['Taken', `${minute(generation.createdAt)} UTC by ${generation.by.user}, from ${generation.takenFrom}`],
    ['Reason', generation.reason.text],
    ['Starts as', details.be ?? 'nothing yet: belay rollback clones it'],
    ['Kernel', generation.bootSet?.kernelVersion ?? '-'],
    ['Packages', `${String(generation.packages.count)}, digest ${generation.packages.digest.slice(0, 12)}`],
    ...Object.entries(generation.packages.important).map(([name, version]) => ['', `${name} ${version}`]),
    ['Data format', generation.dataFormat ?? 'none'],
    ['Health', generation.health],
    ...generation.members.map((member, position) => [position === 0 ? 'Members' : '', `${member.mountpoint} (${member.role}) ${member.volume.locator}`]),
    ...(generation.atomic ? [] : [['', 'the members were taken one after the other']]),
    ...(details.quiesced === null ? [] : [['Quiesced', quiescedText(details.quiesced)]]),
    ...details.decisions.map((decision, position) => [position === 0 ? 'Decisions' : '', `${decision.subject}: ${decision.answer} (${decision.why})`]),
    ...(details.torn === null ? [] : [['Torn', `${details.torn.be}, found ${minute(details.torn.tornAt)} UTC; this generation is whole`]]),
    ...details.missing.map((path) => ['Missing', path]),
  ]
  return `${columns(rows, width)}\n`
}
