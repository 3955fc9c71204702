import type { Runner } from '../../sys/ports.ts'

const MD5SUM = '/usr/bin/md5sum'

/** Lines `DIGEST  PATH`. */
export const parseMd5sums = (text: string): Map<string, string> =>
  new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [, digest, path] = /^([0-9a-f]{32}) [ *](.+)$/.exec(line) ?? []
      return digest === undefined || path === undefined ? [] : [[path, digest]]
    }),
  )

/**
 * MD5 in hex of files by absolute path; those that do not exist are missing. Runs where links are those of the root, as dpkg follows them for configuration files.
 */
export const readDigests = async (runner: Runner, paths: readonly string[]): Promise<Map<string, string>> =>
  paths.length === 0 ? new Map() : parseMd5sums((await runner.run(MD5SUM, ['--', ...paths], { expect: [0, 1] })).stdout)
