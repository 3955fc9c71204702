import { execFileSync } from 'node:child_process'
import { closeSync, lstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

interface ShellFile {
  readonly path: string
  readonly dialect: 'posix' | 'bash'
}

/** Every shell program of the checkout, by its first line or by the name of a sourced file. Recorded fixtures are not ours. */
export function findShellFiles(root: string): ShellFile[] {
  const listed = execFileSync('/usr/bin/git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  return listed
    .split('\0')
    .filter((path) => path !== '' && !path.startsWith('test/fixtures/'))
    .flatMap((path) => {
      const dialect = dialectOf(path, firstLine(join(root, path)))
      return dialect === null ? [] : [{ path, dialect }]
    })
}

function dialectOf(path: string, line: string): ShellFile['dialect'] | null {
  const interpreter = /^#!\s*(?:\/usr\/bin\/env\s+)?(?:\S*\/)?(sh|dash|bash)\b/.exec(line)?.[1]
  if (interpreter === 'bash') return 'bash'
  return interpreter !== undefined || path.endsWith('.sh') ? 'posix' : null
}

function firstLine(file: string): string {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return ''
  const descriptor = openSync(file, 'r')
  const buffer = Buffer.alloc(128)
  const length = readSync(descriptor, buffer)
  closeSync(descriptor)
  return buffer.toString('utf8', 0, length).split('\n', 1)[0] ?? ''
}
