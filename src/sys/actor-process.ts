import { readFile } from 'node:fs/promises'
import { isatty } from 'node:tty'
import { BugError } from '../errors.ts'
import type { Actor } from './ports.ts'
import { parseProcStat } from './proc-stat.ts'

/** What the audit subsystem answers when no login was recorded: (uid_t) -1. */
const NO_LOGIN = 4294967295

/** Login names by uid, from text in the format of passwd(5). */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name === undefined || name === '' || uid === undefined || !/^[0-9]+$/.test(uid)) continue
    if (!names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}

interface ActorSources {
  readonly uid: number
  /** Content of /proc/self/loginuid, empty where the kernel has no audit. */
  readonly loginUid: string
  readonly sudoUid: string | undefined
  readonly sudoUser: string | undefined
  readonly names: ReadonlyMap<number, string>
}

/** The login name behind a process: the audit subsystem's word first (it cannot be forged by the environment), then sudo's when passwd agrees with it. */
export function loginNameOf({ uid, loginUid, sudoUid, sudoUser, names }: ActorSources): string {
  const audited = /^[0-9]+$/.test(loginUid.trim()) ? Number(loginUid) : NO_LOGIN
  if (audited !== NO_LOGIN) return names.get(audited) ?? `uid ${String(audited)}`
  if (sudoUser !== undefined && sudoUid !== undefined && /^[0-9]+$/.test(sudoUid) && names.get(Number(sudoUid)) === sudoUser) return sudoUser
  return names.get(uid) ?? `uid ${String(uid)}`
}

/** Who runs this process. Never throws for a machine without audit or passwd; BugError only when /proc is not mounted. */
export async function readProcessActor(): Promise<Actor> {
  const textOrEmpty = (path: string) => readFile(path, 'utf8').catch(() => '')
  const [stat, loginUid, passwd] = await Promise.all([textOrEmpty('/proc/self/stat'), textOrEmpty('/proc/self/loginuid'), textOrEmpty('/etc/passwd')])
  const startTime = parseProcStat(stat)?.startTime
  if (startTime === undefined) throw new BugError('/proc/self/stat cannot be read', { next: ['mount -t proc proc /proc'] })
  const uid = process.getuid?.() ?? 0
  const user = loginNameOf({ uid, loginUid, sudoUid: process.env['SUDO_UID'], sudoUser: process.env['SUDO_USER'], names: parsePasswd(passwd) })
  return { uid, user, pid: process.pid, startTime, terminal: isatty(0) }
}
