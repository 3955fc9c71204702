// All static checks, two at a time; prints how long each took, and the output of those that failed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { findShellFiles } from './shell-files.ts'

interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const root = join(import.meta.dirname, '..')
const bin = (name: string): string => join(root, 'node_modules/.bin', name)
const shell = findShellFiles(root)
const posix = shell.filter(({ dialect }) => dialect === 'posix').map(({ path }) => path)
const bash = shell.filter(({ dialect }) => dialect === 'bash').map(({ path }) => path)

const folders = ['bin', 'src', 'test', 'tools', 'demo', 'bench'].filter((folder) => existsSync(join(root, folder)))
const checks: Check[] = [
  { name: 'eslint', command: [bin('eslint'), '.'] },
  { name: 'types', command: [bin('tsc'), '--project', '.'] },
  { name: 'format', command: [bin('prettier'), '--check', '--log-level', 'warn', '.'] },
  { name: 'dependencies', command: [bin('depcruise'), ...folders] },
  { name: 'unused', command: [bin('knip')] },
  { name: 'generated files', command: [bin('node'), 'tools/generate.ts', '--check'] },
  ...shellChecks('sh', 'posix', posix),
  ...shellChecks('bash', 'bash', bash),
]

function shellChecks(dialect: string, language: string, files: readonly string[]): Check[] {
  if (files.length === 0) return []
  return [
    {
      name: `shellcheck of ${String(files.length)} ${dialect} files`,
      command: ['/usr/bin/shellcheck', '--shell', dialect, '--external-sources', '--', ...files],
    },
    { name: `shfmt of ${dialect} files`, command: ['/usr/bin/shfmt', '-ln', language, '-i', '0', '-d', '--', ...files] },
  ]
}

/** Runs one check; true when it passed. */
async function passes({ name, command: [tool, ...args] }: Check): Promise<boolean> {
  const began = performance.now()
  const child = spawn(tool, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>])
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (status !== 0) console.log(`${stdout}${stderr}`)
  return status === 0
}

const waiting = [...checks]
let failed = 0
async function work(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) if (!(await passes(check))) failed += 1
}
await Promise.all([work(), work()])
if (failed > 0) {
  console.error(`${String(failed)} of ${String(checks.length)} checks failed`)
  process.exitCode = 1
}
