import { z } from 'zod'
import { NotFoundError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'

const UNKNOWN = 'UTC'

const ZoneName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/)
  .refine(isKnownZone)

/**
 * IANA name of the time zone of a root, by the link /etc/localtime (localtime(5)) or by Debian's /etc/timezone; UTC when neither names one.
 * @param etc absolute path of the root's /etc
 */
export async function readTimeZone(files: Files, etc: string): Promise<string> {
  const localtime = `${etc}/localtime`
  const link = (await files.stat(localtime))?.kind === 'symlink' ? await orNothing(files.readLink(localtime)) : ''
  const linked = ZoneName.safeParse(/\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(link)?.[1])
  if (linked.success) return linked.data
  const timezone = `${etc}/timezone`
  const text = (await files.stat(timezone))?.kind === 'file' ? await orNothing(files.readText(timezone)) : ''
  const named = ZoneName.safeParse(text.trim())
  return named.success ? named.data : UNKNOWN
}

function isKnownZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

async function orNothing(text: Promise<string>): Promise<string> {
  try {
    return await text
  } catch (error) {
    if (error instanceof NotFoundError) return ''
    throw error
  }
}
