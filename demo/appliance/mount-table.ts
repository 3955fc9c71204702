import { readFile } from 'node:fs/promises'

export interface Mount {
  readonly mountpoint: string
  /** Device, or what the filesystem calls its source. */
  readonly source: string
}

const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Parses /proc/PID/mountinfo (proc_pid_mountinfo(5)); the order is that of mounting. */
function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const mountpoint = before?.split(' ')[4]
    const source = after?.split(' ')[1]
    return mountpoint === undefined || source === undefined ? [] : [{ mountpoint: unescape(mountpoint), source: unescape(source) }]
  })
}

/** Mounts that a process sees; none when it is gone. */
export async function readMounts(pid: number | 'self' = 'self'): Promise<Mount[]> {
  return parseMountInfo(await readFile(`/proc/${String(pid)}/mountinfo`, 'utf8').catch(() => ''))
}

/** Whether a path is a directory or lies below it. */
export const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`)
