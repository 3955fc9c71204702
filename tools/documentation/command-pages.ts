import { EXIT_MEANING } from '../../src/exit-codes.ts'
import { type Command, commandWords, type Flag, flagsOf } from './command-manifest.ts'
import { bold, entry, italic, literal, type ManualPage, paragraph, plain, references } from './roff.ts'

const CONFIG_PAGE = { name: 'belay-config.yaml', section: 5 } as const
const MAIN_PAGE = { name: 'belay', section: 1 } as const

const pageNameOf = (command: Command): string => `belay-${command.id.replaceAll(':', '-')}`

/** `Choose an earlier version.` as whatis(1) wants it. */
const asTitle = (summary: string): string => `${summary.charAt(0).toLowerCase()}${summary.slice(1).replace(/\.$/, '')}`

const argumentsOf = (command: Command): string =>
  Object.values(command.args)
    .map(({ name, required }) => {
      const word = `${italic(name.toUpperCase())}${command.strict ? '' : '...'}`
      return required === true ? word : `[${word}]`
    })
    .join(' ')

const optionTerm = (flag: Flag): string => {
  const long = bold(`--${flag.name}`)
  const names = flag.char === undefined ? long : `${bold(`-${flag.char}`)}, ${long}`
  if (flag.type === 'boolean') return names
  return `${names} ${flag.options === undefined ? italic(flag.helpValue ?? 'VALUE') : flag.options.map(bold).join('|')}`
}

const optionBody = (flag: Flag): string =>
  [
    flag.summary ?? flag.description ?? '',
    ...(flag.multiple === true ? ['May be given more than once.'] : []),
    ...(typeof flag.default === 'string' || typeof flag.default === 'number' ? [`Default: ${String(flag.default)}`] : []),
  ]
    .map(plain)
    .join(' ')

const exitStatus = (codes: readonly number[]): string =>
  Object.entries(EXIT_MEANING)
    .filter(([code]) => codes.includes(Number(code)))
    .map(([code, meaning]) => entry(bold(code), plain(meaning)))
    .join('')

/** A section, or none where there is nothing to say. */
const filled = <Item>(title: string, items: readonly Item[], body: (items: readonly Item[]) => string): (readonly [string, string])[] =>
  items.length === 0 ? [] : [[title, body(items)]]

const commandPage = (command: Command): ManualPage => ({
  name: pageNameOf(command),
  section: 1,
  sections: [
    ['NAME', `${plain(pageNameOf(command))} \\- ${plain(asTitle(command.summary))}\n`],
    ['SYNOPSIS', `${bold(`belay ${commandWords(command)}`)} ${argumentsOf(command)} [${italic('OPTION')}...]\n`],
    ['DESCRIPTION', paragraph(plain([command.summary, command.description ?? ''].join(' ').trim()))],
    ...filled('ARGUMENTS', Object.values(command.args), (args) =>
      args.map(({ name, description }) => entry(italic(name.toUpperCase()), plain(description ?? ''))).join(''),
    ),
    ...filled('OPTIONS', flagsOf(command), (flags) => flags.map((flag) => entry(optionTerm(flag), optionBody(flag))).join('')),
    ...filled('EXAMPLES', command.examples, (examples) => literal(examples.map((example) => example.replaceAll('<%= config.bin %>', 'belay')).join('\n'))),
    ...filled('EXIT STATUS', command.exitCodes, exitStatus),
    ['SEE ALSO', references([MAIN_PAGE, CONFIG_PAGE])],
  ],
})

const FILES = [
  ['/etc/belay/config.yaml', `What the owner of the appliance decides; see ${bold(CONFIG_PAGE.name)}(5).`],
  ['/var/lib/belay', 'Records of belay, outside every version.'],
  ['/boot/grub/belay', 'What GRUB starts: boot choice, menu, and the kernel and initrd of every version.'],
  ['/boot/grub/belay/debian.cfg', `The menu that ${bold('update-grub')} makes, offered as the last entry of belay's.`],
  ['/var/log/belay.log', 'What belay did, for whoever looks for a fault.'],
  ['/usr/share/doc/belay', "The operator's guide, the integrator's guide and the glossary."],
] as const

const mainPage = (commands: readonly Command[]): ManualPage => ({
  ...MAIN_PAGE,
  sections: [
    ['NAME', 'belay \\- take restore points of a Debian appliance, upgrade it, and go back\n'],
    ['SYNOPSIS', `${bold('belay')} ${italic('COMMAND')} [${italic('ARGUMENT')}...] [${italic('OPTION')}...]\n.br\n${bold('belay --version')}\n`],
    [
      'DESCRIPTION',
      paragraph(
        plain(
          'belay keeps versions of a Debian system on a btrfs root. A restore point (a generation) holds root, with the kernels in /boot, and the configuration as they were at one moment. Every generation can be started again from its boot environment, and going back destroys nothing.',
        ),
      ) +
        paragraph(
          plain(
            'An upgrade runs with the untouched version armed in GRUB, so that a power cut or a failure boots that one. The upgraded version is on trial until it is confirmed.',
          ),
        ) +
        paragraph(plain('All commands need root.')),
    ],
    ['COMMANDS', commands.map((command) => entry(`${bold(pageNameOf(command))}(1)`, plain(command.summary))).join('')],
    [
      'OPTIONS',
      paragraph(plain('These are the same wherever a command takes them.')) +
        [...new Map(commands.flatMap(flagsOf).map((flag) => [flag.name, flag])).values()]
          .filter((flag) => ['plan', 'yes', 'json', 'root'].includes(flag.name))
          .map((flag) => entry(optionTerm(flag), optionBody(flag)))
          .join('') +
        entry(bold('--help'), plain('Show the help of belay or of a command.')),
    ],
    ['EXIT STATUS', exitStatus(commands.flatMap(({ exitCodes }) => exitCodes))],
    [
      'ENVIRONMENT',
      entry(bold('BELAY_DEBUG'), plain('Set to anything: log to standard error, and show where an error came from.')) +
        entry(bold('NO_COLOR'), plain('Set to anything: no colours.')),
    ],
    ['FILES', FILES.map(([path, text]) => entry(italic(path), text.includes('\\f') ? text : plain(text))).join('')],
    ['SEE ALSO', references([CONFIG_PAGE, ...commands.map((command) => ({ name: pageNameOf(command), section: 1 })), { name: 'update-grub', section: 8 }])],
  ],
})

/** belay(1), and a page for each command. */
export const commandPages = (commands: readonly Command[]): ManualPage[] => [mainPage(commands), ...commands.map(commandPage)]
