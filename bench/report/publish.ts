import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { InvalidFileError } from '../../src/errors.ts'
import type { Comparison } from './comparison.ts'
import { comparisonTable, seriesTable } from './markdown.ts'

const README = join(import.meta.dirname, '../../README.md')
const RESULTS = join(import.meta.dirname, '../results.md')
const BEGIN = '<!-- bench:begin -->'
const END = '<!-- bench:end -->'

const NOTES = `Every figure is the median of several runs, taken in turn (belay, the other, belay, the other …) on one machine, which may have had other work. belay and the others are whole
processes, from fork to exit, except the boot menu, which is measured inside the process. Peers run in a chroot on a clone of the tree that belay snapshots. Timeshift leaves loop devices out, so it is told
that its root is a partition; it is spared its grub-install, and timed up to where it would reboot. A freeze of an ext4 that was idle waits for grace periods of the kernel: some
40 ms on this one, whatever was written.`

/** @throws InvalidFileError when the text has no block to replace */
export const replaceBlock = (text: string, block: string, file: string): string => {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new InvalidFileError(`${file} has no block between ${BEGIN} and ${END}`, { data: { file } })
  return `${text.slice(0, begin + BEGIN.length)}\n${block}\n${text.slice(end)}`
}

const write = async (file: string, text: string): Promise<void> => {
  const options = await resolveConfig(file)
  await writeFile(file, await format(text, { ...options, filepath: file }))
}

/** Writes README's block and bench/results.md. */
export const publish = async (comparisons: readonly Comparison[], facts: readonly string[]): Promise<void> => {
  const machine = facts.join(' · ')
  await write(
    README,
    replaceBlock(
      await readFile(README, 'utf8'),
      `\n${comparisonTable(comparisons)}\n\n${machine}. Spread and method: [bench/results.md](bench/results.md).\n`,
      README,
    ),
  )
  await write(
    RESULTS,
    [
      '# Figures',
      'Written by `npm run bench`, which needs root, about ten gigabytes of disk and twenty to forty minutes. `npm run bench -- --quick` prints a part of it in less than three and writes nothing.',
      machine,
      comparisonTable(comparisons),
      '## How it is measured',
      NOTES,
      '## Spread',
      seriesTable(comparisons),
      '',
    ].join('\n\n'),
  )
}
