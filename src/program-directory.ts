import { join } from 'node:path'

/**
 * The directory that holds bin, dist (or src) and libexec. tools/build.ts makes this module an entry of its own, so that its code always lands in a file directly in dist,
 * one level below, as it is in src.
 */
export const programDirectory = join(import.meta.dirname, '..')

/** Absolute path of a shell program that belay ships. */
export const libexec = (name: string): string => join(programDirectory, 'libexec', name)
