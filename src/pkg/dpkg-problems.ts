import type { StatusEntry } from './dpkg-status.ts'
import type { DpkgProblem } from './packages.ts'

interface DpkgFindings {
  readonly entries: readonly StatusEntry[]
  /** Names in /var/lib/dpkg/updates: changes that dpkg has not merged into its status file. */
  readonly updates: readonly string[]
  readonly lockHolder: { readonly pid: number; readonly command: string } | null
  /** What `dpkg --audit` printed. */
  readonly audit: string
}

/** Whether a name in /var/lib/dpkg/updates is that of a change that is not in the status file yet. */
export const isUnmergedUpdate = (name: string): boolean => /^[0-9]+$/.test(name)

/** What the remedy is typed after: nothing on the running system, enter-root and the directory for a mounted one. */
type CommandLine = (command: string) => string

/** What keeps an upgrade from starting, each with the exact command that ends it. A lock that is held hides the rest: its holder is still changing it. */
export const findDpkgProblems = ({ entries, updates, lockHolder, audit }: DpkgFindings, commandLine: CommandLine): DpkgProblem[] => {
  if (lockHolder !== null) {
    const { pid, command } = lockHolder
    return [
      { code: 'locked', text: `process ${String(pid)} (${command}) holds dpkg's lock`, remedy: `tail --pid=${String(pid)} -f /dev/null   # waits for its end` },
    ]
  }
  const problems: DpkgProblem[] = []
  if (updates.some(isUnmergedUpdate)) {
    problems.push({ code: 'interrupted', text: 'dpkg was interrupted', remedy: commandLine('dpkg --configure -a') })
  }
  for (const entry of entries) problems.push(...problemsOf(entry, commandLine))
  if (problems.length === 0 && audit.trim() !== '') {
    problems.push({
      code: 'audit',
      text: `dpkg --audit: ${audit.trim().split('\n').slice(0, 5).join(' ')}`,
      remedy: commandLine('apt-get install --fix-broken'),
    })
  }
  return problems
}

const problemsOf = ({ name, arch, status, reinstallRequired }: StatusEntry, commandLine: CommandLine): DpkgProblem[] => {
  const reinstall = commandLine(`apt-get install --reinstall ${name}${arch === 'all' ? '' : `:${arch}`}`)
  if (reinstallRequired) return [{ code: 'reinstall-required', text: `${name} is broken and must be installed again`, remedy: reinstall }]
  switch (status) {
    case 'half-installed':
      return [{ code: status, text: `${name} is half installed`, remedy: reinstall }]
    case 'unpacked':
    case 'half-configured':
    case 'triggers-awaited':
    case 'triggers-pending':
      return [{ code: status, text: `${name} is ${STATUS_TEXT[status]}`, remedy: commandLine('dpkg --configure -a') }]
    case 'installed':
    case 'config-files':
    case 'not-installed':
      return []
  }
}

const STATUS_TEXT = {
  unpacked: 'unpacked and not configured',
  'half-configured': 'half configured',
  'triggers-awaited': 'waiting for a trigger of another package',
  'triggers-pending': 'waiting for its triggers',
} as const
