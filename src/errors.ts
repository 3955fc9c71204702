import { EXIT, type ExitCode } from './exit-codes.ts'

interface BelayErrorOptions {
  /** What the reader can do next, one action a line. */
  readonly next?: readonly string[]
  readonly cause?: unknown
  /** Facts for scripts; they appear in the JSON form of the error. */
  readonly data?: Readonly<Record<string, unknown>>
}

/**
 * The root of all errors that belay expects. Callers branch on the class or on `code`, never on the message.
 * `oclif.exit` and `exitCode` are both set because oclif reads one in text mode and the other in JSON mode.
 */
export abstract class BelayError extends Error {
  abstract readonly code: string
  abstract readonly exitCode: ExitCode
  readonly next: readonly string[]
  readonly data: Readonly<Record<string, unknown>>

  constructor(message: string, options: BelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.next = options.next ?? []
    this.data = options.data ?? {}
  }

  get oclif(): { exit: ExitCode } {
    return { exit: this.exitCode }
  }
}

/** An invariant of belay's own was broken. */
export class BugError extends BelayError {
  readonly code = 'bug'
  readonly exitCode = EXIT.bug
}

/** The command line asks for something that cannot be parsed or combined. */
export class UsageError extends BelayError {
  readonly code = 'usage'
  readonly exitCode = EXIT.usage
}

/** A file that belay reads (configuration, index, env block) does not follow its schema. */
export class InvalidFileError extends BelayError {
  readonly code = 'invalid-file'
  readonly exitCode = EXIT.usage
}

/** A check says no; nothing was changed. */
export class RefusedError extends BelayError {
  readonly code: string
  readonly exitCode = EXIT.refused

  constructor(code: string, message: string, options: BelayErrorOptions = {}) {
    super(message, options)
    this.code = code
  }
}

/** Somebody else holds the lock of this appliance. */
export class LockedError extends BelayError {
  readonly code = 'locked'
  readonly exitCode = EXIT.locked
}

/** Not enough room for what the plan needs. */
export class NoSpaceError extends BelayError {
  readonly code = 'no-space'
  readonly exitCode = EXIT.noSpace
}

/** A generation, boot environment, path or tool that was named does not exist. */
export class NotFoundError extends BelayError {
  readonly code = 'not-found'
  readonly exitCode = EXIT.notFound
}

/** The state that a plan was made from is not the state that it met. */
export class ChangedError extends BelayError {
  readonly code = 'changed'
  readonly exitCode = EXIT.changed
}

/** The operation failed; either all was undone, or the next boot undoes it (`data.rebootRequired`). */
export class FailedError extends BelayError {
  readonly code: string
  readonly exitCode = EXIT.failedUndone

  constructor(code: string, message: string, options: BelayErrorOptions & { rebootRequired: boolean }) {
    super(message, { ...options, data: { ...options.data, rebootRequired: options.rebootRequired } })
    this.code = code
  }
}

/** The operation failed and could not be undone; `next` holds the exact recovery command. */
export class NotUndoneError extends BelayError {
  readonly code = 'not-undone'
  readonly exitCode = EXIT.failedNotUndone
}

/** Policy wants apt to stop, because belay could not take a restore point: what kept it from that, under an exit status of its own. */
export class AptStopsError extends BelayError {
  readonly code: string
  readonly exitCode = EXIT.aptStops

  constructor(reason: BelayError) {
    super(reason.message, { next: reason.next, data: reason.data, cause: reason })
    this.code = reason.code
  }
}

/** A tool ended with a status that its caller did not expect. Modules that own a tool turn this into one of the errors above. */
export class ToolError extends BelayError {
  readonly code = 'tool'
  readonly exitCode = EXIT.bug
  readonly tool: string
  readonly args: readonly string[]
  readonly status: number | null
  readonly stderr: string

  constructor(tool: string, args: readonly string[], status: number | null, stderr: string, cause?: unknown) {
    super(`${tool} ${args.join(' ')} ended with ${status === null ? 'a signal' : `status ${String(status)}`}: ${stderr.trim().slice(-2000)}`, { cause })
    this.tool = tool
    this.args = args
    this.status = status
    this.stderr = stderr
  }
}
