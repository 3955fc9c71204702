import { createHash, randomBytes } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import * as fs from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InvalidFileError, NoSpaceError, NotFoundError, RefusedError, ToolError } from '../errors.ts'
import type { EntryKind, EntryStat, Files, Runner } from './ports.ts'
import { removeWithinFilesystem } from './remove-within-filesystem.ts'
import { temporaryName } from './temporary-name.ts'

const READ_CHUNK = 1024 * 1024

/**
 * Files through node:fs.
 * @param runner for fallocate(1), which Node has no call for
 * @param nameOf what a path is called in errors, where people know it by another name
 */
export function createNodeFiles(runner: Runner, nameOf: (path: string) => string = (path) => path): Files {
  const { translated, replacing } = translating(nameOf)
  return {
    readText: (path) => translated(path, () => fs.readFile(path, 'utf8')),

    readBytes: (path, range) => translated(path, () => (range === undefined ? fs.readFile(path) : readRange(path, range))),

    writeAtomic: (path, content, mode = 0o600, owner) =>
      replacing(path, async (temporary) => {
        await withHandle(temporary, 'wx', async (file) => {
          // The owner first: content must not be readable by another one for a moment, and chown(2) takes set-id bits away.
          if (owner !== undefined) await file.chown(owner.uid, owner.gid)
          await file.writeFile(content)
          await file.chmod(mode)
          await file.sync()
        })
      }),

    overwriteInPlace: (path, content) =>
      translated(path, () =>
        withHandle(path, 'r+', async (file) => {
          const { size } = await file.stat()
          if (size < content.length) throw tooShort(path, size, content.length)
          await writeAll(file, content)
          await file.sync()
        }),
      ),

    append: (path, content) =>
      translated(path, async () => {
        const created = (await lstatOrNull(path)) === null
        await withHandle(
          path,
          'a',
          async (file) => {
            const { size } = await file.stat()
            try {
              await file.writeFile(content)
              await file.sync()
            } catch (error) {
              await file.truncate(size).catch(() => undefined)
              throw error
            }
          },
          0o600,
        )
        if (created) await syncDirectory(dirname(path))
      }),

    list: (path) => translated(path, async () => (await fs.readdir(path)).sort()),

    stat: (path) => translated(path, () => lstatOrNull(path)),

    makeDirectory: (path, mode = 0o700) => translated(path, () => makeDirectory(path, mode)),

    link: (from, to) => replacing(to, (temporary) => translated(from, () => fs.link(from, temporary))),

    copy: (from, to, mode) =>
      replacing(to, async (temporary) => {
        const source = await translated(from, () => fs.stat(from))
        await fs.copyFile(from, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
        await withHandle(temporary, 'r+', async (file) => {
          await file.chmod(mode ?? source.mode & 0o7777)
          await file.sync()
        })
      }),

    rename: (from, to) =>
      translated(to, async () => {
        await translated(from, () => fs.rename(from, to))
        await syncDirectory(dirname(to))
        if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from))
      }),

    remove: (path) =>
      translated(path, async () => {
        if (await removeWithinFilesystem(path)) await syncDirectory(dirname(path))
      }),

    readLink: (path) => translated(path, () => fs.readlink(path)),

    symlink: (target, path) =>
      translated(path, async () => {
        await fs.symlink(target, path)
        await syncDirectory(dirname(path))
      }),

    sha256: (path) =>
      translated(path, async () => {
        const hash = createHash('sha256')
        for await (const chunk of createReadStream(path, { highWaterMark: READ_CHUNK })) hash.update(chunk as Buffer)
        return hash.digest('hex')
      }),

    space: (path) =>
      translated(path, async () => {
        const { bsize, blocks, bavail, files, ffree } = await fs.statfs(path, { bigint: true })
        // btrfs has no inode table and reports 0 of 0.
        return { free: Number(bavail * bsize), total: Number(blocks * bsize), freeInodes: files === 0n ? Number.MAX_SAFE_INTEGER : Number(ffree) }
      }),

    // fallocate and not zeros: btrfs overwrites preallocated blocks in place, but would put new data for written ones elsewhere, and compresses zeros to nothing.
    preallocate: (path, bytes) =>
      replacing(path, async (temporary) => {
        await withHandle(temporary, 'wx', (file) => file.chmod(0o600))
        await runner.run('/usr/bin/fallocate', ['--length', String(bytes), '--', temporary]).catch((error: unknown) => {
          throw error instanceof ToolError && error.stderr.includes('No space left on device') ? noSpace(path, nameOf(path), error) : error
        })
        await withHandle(temporary, 'r+', (file) => file.sync())
      }),
  }
}

async function withHandle<T>(path: string, flags: string, use: (file: fs.FileHandle) => Promise<T>, mode?: number): Promise<T> {
  const file = await fs.open(path, flags, mode ?? 0o600)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

const syncDirectory = (path: string): Promise<void> => withHandle(path, 'r', (directory) => directory.sync())

async function writeAll(file: fs.FileHandle, content: Uint8Array): Promise<void> {
  for (let written = 0; written < content.length;) {
    written += (await file.write(content, written, content.length - written, written)).bytesWritten
  }
}

async function readRange(path: string, range: { readonly offset: number; readonly length: number }): Promise<Buffer> {
  return withHandle(path, 'r', async (file) => {
    const buffer = Buffer.alloc(range.length)
    let filled = 0
    while (filled < range.length) {
      const { bytesRead } = await file.read(buffer, filled, range.length - filled, range.offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  })
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  const existing = await fs.stat(path).catch(nullWhenMissing)
  if (existing?.isDirectory() === true) return
  if (existing === null && dirname(path) !== path) await makeDirectory(dirname(path), mode)
  try {
    await fs.mkdir(path, { mode })
  } catch (error) {
    // Another process of belay's made it meanwhile: at boot the unit and an administrator may both be first.
    if ((await fs.stat(path).catch(nullWhenMissing))?.isDirectory() === true) return
    throw error
  }
  await fs.chmod(path, mode)
  await syncDirectory(dirname(path))
}

async function lstatOrNull(path: string): Promise<EntryStat | null> {
  const stat = await fs.lstat(path, { bigint: true }).catch(nullWhenMissing)
  if (stat === null) return null
  const kind: EntryKind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'other'
  return {
    kind,
    size: Number(stat.size),
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    inode: Number(stat.ino),
    device: Number(stat.dev),
    links: Number(stat.nlink),
    mtimeNs: String(stat.mtimeNs),
    ctimeNs: String(stat.ctimeNs),
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '')

function nullWhenMissing(error: unknown): null {
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null
  throw error
}

const noSpace = (path: string, name: string, cause: unknown): NoSpaceError =>
  new NoSpaceError(`no space left for ${name}`, { next: name.startsWith('/run/') ? ROOM_IN_RUN : ROOM_ON_DISK, data: { path }, cause })

const ROOM_ON_DISK = ['belay prune   # removes generations that policy no longer keeps']
/** A filesystem in memory, where no generation lies. */
const ROOM_IN_RUN = ['df /run; df --inodes /run', 'du --all --one-file-system /run | sort --numeric-sort | tail   # what fills it', 'journalctl --flush']

/** What even root is not allowed: unlike other errors, for somebody else to mend and not a bug. */
const REFUSALS: Readonly<Record<string, { readonly code: string; readonly text: string; readonly next: readonly string[] }>> = {
  EROFS: {
    code: 'read-only',
    text: 'is on a filesystem that is mounted read-only',
    next: ['findmnt --options ro   # names it; mount -o remount,rw makes it writable', 'dmesg   # says why the kernel made it so'],
  },
  EPERM: {
    code: 'not-permitted',
    text: 'may not be changed, not even by root',
    next: ['lsattr -d   # tells whether it was made immutable, which chattr -i takes back'],
  },
}

const tooShort = (path: string, size: number, wanted: number): InvalidFileError =>
  new InvalidFileError(`${path} has ${String(size)} bytes, too few to hold ${String(wanted)} in place`, { next: ['belay doctor --fix'], data: { path, size } })

/** What all calls share: the errors that the port promises, and writing beside a file. */
const translating = (nameOf: (path: string) => string) => {
  /** The errors that the port promises, for the path that the caller named. */
  const translated = async <T>(path: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') throw new NotFoundError(`${path} does not exist`, { data: { path }, cause: error })
      if (code === 'ENOSPC' || code === 'EDQUOT') throw noSpace(path, nameOf(path), error)
      const refusal = REFUSALS[code]
      if (refusal !== undefined) throw new RefusedError(refusal.code, `${nameOf(path)} ${refusal.text}`, { next: refusal.next, data: { path }, cause: error })
      throw error
    }
  }

  /** Runs `make` on a hidden temporary path beside the target, renames it over the target and syncs the directory; on failure nothing is left behind. */
  const replacing = async (path: string, make: (temporary: string) => Promise<void>): Promise<void> => {
    const temporary = join(dirname(path), temporaryName(basename(path), randomBytes(6).toString('hex')))
    await translated(path, async () => {
      try {
        await make(temporary)
        await fs.rename(temporary, path)
      } finally {
        // Also after success: rename(2) of two links to one file does nothing and leaves the temporary one.
        await fs.rm(temporary, { force: true })
      }
      await syncDirectory(dirname(path))
    })
  }

  return { translated, replacing }
}
