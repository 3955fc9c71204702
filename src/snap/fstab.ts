/** A line that belay puts into a boot environment's fstab. */
export interface FstabLine {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly options: string
}

const BEGIN = '# belay begin: the data that this version uses; belay rewrites these lines'
const END = '# belay end'

/** fstab(5) writes blank and tab as octal escapes. */
const escape = (text: string): string => text.replaceAll(/[ \t\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)

const unescape = (text: string): string => text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const mountpointOf = (line: string): string | null => {
  const fields = line.trim().split(/\s+/)
  return line.trim().startsWith('#') || fields.length < 3 || fields[1] === undefined ? null : unescape(fields[1])
}

/** The root line without a subvolume: the kernel's command line chose it, and every clone has the same fstab. */
const withoutSubvolume = (line: string): string => {
  const fields = line.trim().split(/\s+/)
  const options = (fields[3] ?? 'defaults').split(',').filter((option) => !/^subvol(?:id)?=/.test(option))
  return [fields[0], fields[1], fields[2], options.join(',') || 'defaults', ...fields.slice(4)].join(' ')
}

/**
 * The fstab of a boot environment: foreign lines stay as they are, the root line loses its subvolume, and lines for the given
 * mount points are replaced by belay's. A line that belay wrote for a mount point that is no longer given goes.
 */
export const bindFstab = (text: string, lines: readonly FstabLine[]): string => {
  const ours = new Set(lines.map((line) => line.mountpoint))
  const existing = text.replace(/\n$/, '').split('\n')
  const begin = existing.indexOf(BEGIN)
  const end = existing.indexOf(END, begin)
  // Without its end nobody can tell where belay's block ended: what follows may be somebody's.
  const foreign = begin === -1 ? existing : [...existing.slice(0, begin), ...existing.slice((end === -1 ? begin : end) + 1)]
  const kept = foreign.flatMap((line) => {
    const mountpoint = mountpointOf(line)
    if (mountpoint === '/') return [withoutSubvolume(line)]
    return mountpoint !== null && ours.has(mountpoint) ? [] : [line]
  })
  while (kept.at(-1) === '') kept.pop()
  return `${[...kept, BEGIN, ...lines.map((line) => `${line.device} ${escape(line.mountpoint)} ${line.type} ${line.options} 0 0`), END].join('\n')}\n`
}
