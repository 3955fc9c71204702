import { type Command, commandWords, type Flag, flagsOf } from './command-manifest.ts'

/** What completes the value of an option, by the word that its help shows for it. */
const COMPLETIONS: Readonly<Record<string, string>> = { DIR: '_filedir -d', PATH: '_filedir', FILE: '_filedir' }

const words = (list: readonly string[]): string => `'${list.join(' ')}'`
const namesOf = (flag: Flag): string[] => [`--${flag.name}`, ...(flag.char === undefined ? [] : [`-${flag.char}`])]

/** `--root) _filedir -d; return ;;` for each option that takes a value. */
const valueCases = (commands: readonly Command[]): string[] => {
  const takers = new Map(commands.flatMap(flagsOf).flatMap((flag) => (flag.type === 'option' ? [[flag.name, flag] as const] : [])))
  return [...takers.values()].map((flag) => {
    const completed =
      flag.options === undefined ? (COMPLETIONS[flag.helpValue ?? ''] ?? ':') : `mapfile -t COMPREPLY < <(compgen -W ${words(flag.options)} -- "$cur")`
    return `\t${namesOf(flag).join(' | ')})\n\t\t${completed}\n\t\treturn\n\t\t;;`
  })
}

const argumentsOf = (command: Command): string => {
  const [argument] = Object.values(command.args)
  if (argument === undefined) return ''
  if (argument.name.toLowerCase() === 'id') return 'generations'
  return /package/i.test(argument.name) ? 'packages' : ''
}

/**
 * Completion of commands, options, their values, generation numbers (from the names of belay's records, where the user may read them) and package names.
 * A function of package bash-completion does files.
 */
export const bashCompletion = (commands: readonly Command[]): string => {
  const topics = new Map<string, string[]>()
  for (const command of commands) {
    const [first = '', second] = commandWords(command).split(' ')
    topics.set(first, [...(topics.get(first) ?? []), ...(second === undefined ? [] : [second])])
  }
  const cases = commands.map((command) => {
    const options = [...flagsOf(command).map((flag) => `--${flag.name}`), '--help']
    return `\t${words([commandWords(command)])})\n\t\toptions=${words(options)}\n\t\targuments=${words([argumentsOf(command)])}\n\t\t;;`
  })
  const subcommands = [...topics].filter(([, seconds]) => seconds.length > 0).map(([first, seconds]) => `\t${first})\n\t\tnames=${words(seconds)}\n\t\t;;`)
  return `# bash completion of belay, generated from its commands

# Arguments: none. Output: numbers of generations, one a line; nothing where the user may not look.
_belay_generations() {
	local file
	for file in /var/lib/belay/generations/gen-*.json; do
		[[ $file =~ gen-0*([1-9][0-9]*)\\.json$ ]] && echo "\${BASH_REMATCH[1]}"
	done
}

_belay() {
	local cur prev words cword split
	_init_completion -s || return

	case $prev in
${valueCases(commands).join('\n')}
	esac
	$split && return

	# The command is the first word, or the first two.
	local command=\${words[1]} names=${words([...topics.keys()])} options='' arguments='' at=1
	case $command in
${subcommands.join('\n')}
	esac
	if [[ $names != ${words([...topics.keys()])} ]]; then
		command="$command \${words[2]}"
		at=2
	fi
	if ((cword <= at)); then
		[[ $cur == -* && $at == 1 ]] && names='--help --version'
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
		return
	fi

	case $command in
${cases.join('\n')}
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ $arguments == generations ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_belay_generations)" -- "$cur")
	elif [[ $arguments == packages ]]; then
		mapfile -t COMPREPLY < <(apt-cache --no-generate pkgnames "$cur" 2>/dev/null)
	fi
} &&
	complete -F _belay belay
`
}
