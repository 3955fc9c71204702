/**
 * What belay needs from the machine, as types only. Adapters are beside this file; in-memory ones are in test/fakes and pass the same contract tests.
 */

/** Result of a tool that ran to its end. */
export interface ToolResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Text for standard input; without it standard input is empty. */
  readonly input?: string
  /** Exit statuses that are answers rather than failures. Default: only 0. */
  readonly expect?: readonly number[]
  readonly timeoutMs?: number
  /** Added to the cleaned environment (PATH, LC_ALL=C.UTF-8, HOME=/root). */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface StreamOptions extends RunOptions {
  /** Called with each whole line of standard output and standard error. */
  readonly onLine?: (line: string) => void
  /** Called with each whole line that the tool writes to file descriptor 3. */
  readonly onStatusLine?: (line: string) => void
  /** Aborting sends SIGINT to the tool once; the call still waits for its end. */
  readonly signal?: AbortSignal
  /** Run in a process group of its own, so that a terminal's Ctrl-C reaches belay alone. */
  readonly ownGroup?: boolean
}

/** Runs tools by absolute path without a shell, with a cleaned environment. */
export interface Runner {
  /** @throws ToolError when the status is not expected, on a signal or a time-out; NotFoundError when the tool is missing. */
  run(tool: string, args: readonly string[], options?: RunOptions): Promise<ToolResult>
  /** Like run, for long work whose output is wanted while it happens; stdout and stderr of the result hold the last 64 KiB. */
  stream(tool: string, args: readonly string[], options?: StreamOptions): Promise<ToolResult>
}

/** What kind of thing a path is, links not followed. */
export type EntryKind = 'file' | 'directory' | 'symlink' | 'other'

export interface EntryStat {
  readonly kind: EntryKind
  /** Bytes. */
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly inode: number
  readonly device: number
  readonly links: number
  /** Nanoseconds since 1970 as decimal text: larger than a safe integer. */
  readonly mtimeNs: string
  readonly ctimeNs: string
}

/** Space of the filesystem that holds a path, in bytes and inodes. */
export interface FilesystemSpace {
  readonly free: number
  readonly total: number
  readonly freeInodes: number
}

/**
 * Files by absolute path. Every write is durable on return (file and directory synced) unless said otherwise.
 * Missing paths throw NotFoundError, a full filesystem NoSpaceError, all else passes through.
 */
export interface Files {
  readText(path: string): Promise<string>
  readBytes(path: string, range?: { readonly offset: number; readonly length: number }): Promise<Buffer>
  /** Write beside, sync, rename over, sync the directory. Mode defaults to 0600, the owner to who writes. */
  writeAtomic(path: string, content: string | Uint8Array, mode?: number, owner?: { readonly uid: number; readonly gid: number }): Promise<void>
  /** Overwrite bytes of an existing file of the same size or larger, in place, from offset 0, and sync. Never truncates. */
  overwriteInPlace(path: string, content: Uint8Array): Promise<void>
  /** Append and sync; makes the file (0600) when missing. */
  append(path: string, content: string): Promise<void>
  /** Names in a directory, sorted. */
  list(path: string): Promise<string[]>
  /** Null when the path does not exist. */
  stat(path: string): Promise<EntryStat | null>
  makeDirectory(path: string, mode?: number): Promise<void>
  /** Hard link; replaces an existing target by rename. */
  link(from: string, to: string): Promise<void>
  /** Copy content (a reflink where the filesystem can), sync, rename into place. */
  copy(from: string, to: string, mode?: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Remove a file, link or whole directory; fine when missing. Does not cross into another filesystem or subvolume: such a directory is an error. */
  remove(path: string): Promise<void>
  readLink(path: string): Promise<string>
  symlink(target: string, path: string): Promise<void>
  sha256(path: string): Promise<string>
  space(path: string): Promise<FilesystemSpace>
  /** Reserve real blocks: a file of that many bytes that later writes need not allocate. */
  preallocate(path: string, bytes: number): Promise<void>
}

export interface Clock {
  now(): Date
  /** Let so much time pass. */
  pause(milliseconds: number): Promise<void>
}

/** Who asked, for the audit record. */
export interface Actor {
  readonly uid: number
  /** Login name as the audit subsystem or sudo knows it, else the name of uid. */
  readonly user: string
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat: tells a process from a later one with the same pid. */
  readonly startTime: string
  readonly terminal: boolean
}

export interface HeldLock {
  release(): Promise<void>
}

/** Who holds a lock, and for what. */
export interface LockHolder {
  readonly actor: Actor
  readonly operation: string
  /** It ends within moments, so that others wait for it. */
  readonly brief: boolean
}

/** One mutating operation an appliance at a time; the kernel frees the lock when its holder dies. */
export interface Lock {
  /** @throws LockedError naming the holder: at once, or after a minute when that one said that it is brief. */
  acquire(path: string, holder: LockHolder): Promise<HeldLock>
}

export interface Log {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
  error(message: string, facts?: Readonly<Record<string, unknown>>): void
}

/** Makes what was written to a filesystem visible to a reader that replays no journal (GRUB). */
export interface Settler {
  /** Freeze and thaw the filesystem mounted at that path (FIFREEZE, FITHAW), with a watchdog that thaws it if this process dies in between. */
  settle(mountpoint: string): Promise<void>
}

/** The machine as a whole. */
export interface Power {
  reboot(): Promise<void>
}

/** A unit of the init system, as it is now. */
export interface UnitState {
  readonly name: string
  /** False where no file describes it: the name is misspelt, or its program is not installed. */
  readonly known: boolean
  /** Running also while it is being started or reloaded. */
  readonly state: 'running' | 'stopping' | 'idle'
  /** Units that stop when it stops: they need it, are bound to it or are part of it. */
  readonly takesAlong: readonly string[]
  /** Whether this very process belongs to it, and would be stopped too. */
  readonly ours: boolean
}

/** The services of the machine that runs. */
export interface Units {
  /** Each in the order of the names. @throws RefusedError `units/no-systemd` where none runs, or where it does not answer (in a chroot) */
  states(names: readonly string[]): Promise<readonly UnitState[]>
  /** Wait until all have stopped. An aborted signal ends the wait. @throws FailedError `units/stop`, `interrupted` */
  stop(names: readonly string[], signal: AbortSignal): Promise<void>
  /** Wait until all have started; those that run are left as they are. @throws FailedError `units/start` naming those that do not run, when the others do */
  start(names: readonly string[]): Promise<void>
  /** Ask for a stop and do not wait for it: stopping the unit may end the connection that would tell. */
  letStop(name: string): Promise<void>
  /** All units that have failed, or that are waiting to be restarted because they did, sorted. */
  failed(): Promise<readonly string[]>
  /** Those that are not active, in the order of the names; one that is on its way to it is not. */
  inactive(names: readonly string[]): Promise<readonly string[]>
  /** Units that have to start before a unit does. */
  requirementsOf(name: string): Promise<readonly string[]>
  /** Units whose start or stop goes on, or waits. */
  underWay(): Promise<readonly string[]>
}

/** What is written to the machine's own journal for administrators, with a text in its catalogue. */
export interface JournalMessage {
  /** 128 bits in hexadecimal. */
  readonly id: string
  /** One line. */
  readonly text: string
  /** Further fields, by names in capitals, each one line. */
  readonly fields: Readonly<Record<string, string>>
}

/** The journal of the machine that runs. */
export interface SystemJournal {
  /** The last lines that a unit wrote in this boot, oldest first. Empty where nobody can tell. */
  lastLines(unit: string, count: number): Promise<readonly string[]>
  /** Written with the priority of a warning. */
  write(message: JournalMessage): Promise<void>
}

/** How a program of somebody else ended. */
export interface ProgramEnd {
  /** Null when it could not be started or was ended by a signal. */
  readonly status: number | null
  readonly late: boolean
  /** The last lines of what it wrote, to standard output and standard error alike. */
  readonly lines: readonly string[]
}

/** Runs programs of the appliance's vendor, which may do anything: hang, flood, or leave others behind. */
export interface ForeignPrograms {
  /** Its input is empty, its environment cleaned; when its time is over it and what it started are ended. */
  run(program: string, limits: { readonly seconds: number; readonly lines: number }): Promise<ProgramEnd>
}
