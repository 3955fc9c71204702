import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { coreWithStub, GrubMachine, type PartitionContent, type SeenBoot } from './grub-machine.ts'

const STUB = readFileSync(join(import.meta.dirname, '../../../libexec/grub-stub.cfg'), 'utf8')
const BLOCK = '# GRUB Environment Block\n'

const END = 'All have been started.'

/**
 * belay's stub, told to take the next directory of the partition at every start: one machine shows what GRUB does with hundreds of damaged partitions.
 * The counter is an env block, because GRUB's language has no arithmetic and no other memory.
 */
const WALKING_STUB = `search --no-floppy --fs-uuid --set=root "$belay_uuid"
if [ -z "$belay_here" ]; then
	load_env -f ($root)/counter walk_at
	if [ ! -f ($root)/walk/$walk_at.cfg ]; then
		serial --unit=0
		terminal_output serial
		echo '${END}'
		halt
	fi
	source ($root)/walk/$walk_at.cfg
	set walk_path=/$walk_at
	set walk_at="$walk_next"
	save_env -f ($root)/counter walk_at
	export walk_path
fi
set belay_path="$walk_path"
${STUB}`

const directoryOf = (index: number): string => `v${String(index).padStart(4, '0')}`

/** Starts a machine once for each GRUB partition, each of which GRUB finds in a directory of its own, without any module; the boot sets are shared. */
export async function startFromEach(
  partitions: readonly PartitionContent[],
  options: { readonly configuration: string; readonly bootSets: PartitionContent },
): Promise<{ readonly started: readonly (SeenBoot | undefined)[]; readonly serial: string; readonly envs: readonly Buffer[] }> {
  const content: Record<string, PartitionContent[string]> = { counter: `${BLOCK}walk_at=${directoryOf(0)}\n`.padEnd(1024, '#'), ...options.bootSets }
  for (const [index, partition] of partitions.entries()) {
    const directory = directoryOf(index)
    content[`walk/${directory}.cfg`] = `set walk_next=${directoryOf(index + 1)}\n`
    for (const [path, file] of Object.entries(partition)) content[`${directory}/${path}`] = file
    content[`${directory}/${LAYOUT.bootEnvironments}`] = { linkTo: `../../${LAYOUT.bootEnvironments}` }
  }
  using machine = new GrubMachine(content, { core: coreWithStub(options.configuration, { stub: WALKING_STUB }) })
  const { boots, serial } = await machine.run({ boots: partitions.length + 1, until: END, timeoutMs: 30_000 + partitions.length * 10_000 })
  return {
    started: partitions.map((_, index) => boots.find(({ commandLine }) => commandLine.includes(`/${directoryOf(index)}/`))),
    serial,
    envs: partitions.map((_, index) => machine.read(`${directoryOf(index)}/${LAYOUT.env}`)),
  }
}
