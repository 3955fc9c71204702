import { ENV_VARIABLES } from './env-block.ts'
import { BOOT_SET_FILES, LAYOUT } from './grub-partition-layout.ts'

/** Version of grub.cfg itself, for `doctor`. */
const GRUB_CFG_FORMAT = 1

/** Id of the entry that restarts the machine when nothing can be started. */
const RESTART_ID = 'belay-restart'

export interface GrubTerminal {
  /** A serial port beside the console. Speed in baud. */
  readonly serial?: { readonly unit: number; readonly speed: number }
}

/**
 * The static grub.cfg, for GRUB 2.06 and 2.12 (Debian 12 and 13, BIOS and UEFI). It changes only with policy; what changes with every
 * version is in the env block and the menu fragment, and next-boot-from-files.ts follows the same rules for `status`.
 */
export function grubCfg(options: { readonly timeoutSeconds: number; readonly terminal: GrubTerminal }): string {
  const sections = [terminal(options.terminal), inputs, menu, decision, ending(options.timeoutSeconds)]
  return [header, functions, ...sections.map((section, index) => marked(section, index + 1)), lastLine(sections.length)].join('\n')
}

const { format, good, trial, left, once, skip } = ENV_VARIABLES
const env = `"$prefix/${LAYOUT.env}"`
const sets = `$prefix/${LAYOUT.bootEnvironments}`

/** How every grub.cfg of belay's begins, of whatever format. */
export const GRUB_CFG_HEADING = '# belay grub.cfg'

const header = `${GRUB_CFG_HEADING}, format ${String(GRUB_CFG_FORMAT)}. Static: what is started is decided by ${LAYOUT.env} and ${LAYOUT.fragment} beside this file.
# Written by belay, with a copy in ${LAYOUT.grubCfgCopy}; update-grub writes Debian's menu to ${LAYOUT.debianMenu}.
set belay_marks=
`

// The stub in GRUB's core image (libexec/grub-stub.cfg) and libexec/grub-mkconfig know by the last line that the file is whole. It can lose sectors in its
// middle, not only its end: each section is one statement, so that it leaves its mark only if GRUB understood it, and the last line counts the marks. Without the
// functions, which GRUB does not allow inside a statement, nothing is found to start.
const marked = (section: string, number: number): string => `if [ belay ]; then
${section}set belay_marks="\${belay_marks}${String(number)}"
fi`
const lastLine = (sections: number): string =>
  `if [ "$belay_marks" = ${Array.from({ length: sections }, (_, index) => String(index + 1)).join('')} -a "$belay_boot" != ${RESTART_ID} ]; then set belay_read=whole; fi\n`

function terminal({ serial }: GrubTerminal): string {
  // A machine may come without the port: the console stays then.
  const port =
    serial === undefined
      ? ''
      : `if serial --unit=${String(serial.unit)} --speed=${String(serial.speed)}; then
	terminal_input serial console
	terminal_output serial console
fi
`
  return `${port}if [ "$grub_platform" = efi ]; then
	insmod all_video
fi
insmod regexp
`
}

const inputs = `# Nothing from the env block is trusted: only these names are loaded, and every value is compared with names that the fragment
# knows, or with the pattern of a name, before it is used.
set ${format}=
set ${good}=
set ${trial}=
set ${left}=
set ${once}=
set ${skip}=
load_env -f ${env} ${[format, good, trial, left, once, skip].join(' ')}
# An entry sets belay_failed and reads this file anew; or it leaves a note for the session after a restart, which is good for that session alone.
if [ -n "$${skip}" ]; then
	set belay_failed="$belay_failed $${skip}"
	set ${skip}=
	save_env -f ${env} ${skip}
fi
export belay_failed
`

const functions = `function belay_locate {
	set belay_entry=
}

# belay_find NAME: sets belay_entry to the menu path of a boot environment, from the fragment or from its own boot set, and to nothing when
# there is none or when it failed since the machine was switched on.
function belay_find {
	set belay_entry=
	set belay_usable=
	if [ -z "$belay_failed" ]; then
		set belay_usable=1
	elif regexp '^be-[0-9][0-9][0-9][0-9][0-9][0-9]$' "$1"; then
		if regexp "$1" "$belay_failed"; then
			set belay_usable=
		else
			set belay_usable=1
		fi
	fi
	if [ -n "$1" -a -n "$belay_usable" ]; then
		belay_locate "$1"
		if [ -z "$belay_entry" ]; then
			if regexp '^be-[0-9][0-9][0-9][0-9][0-9][0-9]$' "$1"; then
				if [ -s "${sets}/$1/${BOOT_SET_FILES.entry}" ]; then
					set belay_defined=
					source "${sets}/$1/${BOOT_SET_FILES.entry}"
					if [ "$belay_defined" = "$1" ]; then
						set belay_entry="$1"
					fi
				fi
			fi
		fi
	fi
}
`

const menu = `set belay_entries=0
set belay_confirmed=
set belay_known=
if [ -s "$prefix/${LAYOUT.fragment}" ]; then
	source "$prefix/${LAYOUT.fragment}"
fi
# "fallback" takes numbers only, so this entry comes right behind the fragment's.
menuentry 'Restart' --class belay --unrestricted --id ${RESTART_ID} {
	echo 'Restarting in 10 seconds.'
	sleep 10
	reboot
}
set fallback="$belay_entries"
`

const decision = `set belay_boot=
if [ -z "$belay_failed" ]; then
	# A copy of this file that turned out to be damaged may have taken a choice already: an attempt is counted once.
	belay_find "$belay_taken"
	set belay_boot="$belay_entry"
	# Once and trial are taken only if the env block was changed first and reads back changed: where GRUB cannot write (a filesystem or disk
	# without support, a torn block), they would otherwise be started for ever.
	if [ -z "$belay_boot" ]; then
		belay_find "$${once}"
		if [ -n "$belay_entry" ]; then
			set belay_name="$${once}"
			set ${once}=
			if save_env -f ${env} ${once}; then
				set ${once}=unread
				load_env -f ${env} ${once}
				if [ -z "$${once}" ]; then
					set belay_boot="$belay_entry"
					set belay_taken="$belay_name"
				fi
			fi
		fi
	fi
	# GRUB has no arithmetic. Attempts are counted only while a trial is armed, so that power cycles of a healthy machine count nothing.
	if [ -z "$belay_boot" ]; then
		set belay_next=
		if [ "$${left}" = 3 ]; then
			set belay_next=2
		elif [ "$${left}" = 2 ]; then
			set belay_next=1
		elif [ "$${left}" = 1 ]; then
			set belay_next=0
		fi
		if [ -n "$belay_next" ]; then
			belay_find "$${trial}"
			if [ -n "$belay_entry" ]; then
				set ${left}="$belay_next"
				if save_env -f ${env} ${left}; then
					set ${left}=
					load_env -f ${env} ${left}
					if [ "$${left}" = "$belay_next" ]; then
						set belay_boot="$belay_entry"
						set belay_taken="$${trial}"
					fi
				fi
			fi
		fi
	fi
	export belay_taken
fi
if [ -z "$belay_boot" ]; then
	belay_find "$${good}"
	set belay_boot="$belay_entry"
fi
# The env block is lost, or what it names is: the last confirmed one that the fragment remembers, then anything that is there.
if [ -z "$belay_boot" ]; then
	belay_find "$belay_confirmed"
	set belay_boot="$belay_entry"
fi
if [ -z "$belay_boot" ]; then
	for belay_name in $belay_known; do
		if [ -z "$belay_boot" ]; then
			belay_find "$belay_name"
			set belay_boot="$belay_entry"
		fi
	done
fi
if [ -z "$belay_boot" ]; then
	for belay_path in ${sets}/*; do
		if regexp --set=1:belay_name '/(be-[0-9][0-9][0-9][0-9][0-9][0-9])$' "$belay_path"; then
			belay_find "$belay_name"
			if [ -z "$belay_boot" ]; then
				set belay_boot="$belay_entry"
			fi
		fi
	done
fi
if [ -z "$belay_boot" ]; then
	set belay_boot=${RESTART_ID}
fi
set default="$belay_boot"
`

const ending = (
  timeoutSeconds: number,
): string => `# Debian's menu is read only when it is picked, in a context of its own: whatever is wrong with it stays there.
if [ -s "$prefix/${LAYOUT.debianMenu}" ]; then
	menuentry "Debian's own menu" --class belay --id belay-debian {
		configfile "$prefix/${LAYOUT.debianMenu}"
	}
fi
# The menu that belay init found leads to the root that it cloned, which is left as it was.
if [ -s "$prefix/${LAYOUT.before}" ]; then
	menuentry 'The system as it was before belay' --class belay --id belay-before {
		configfile "$prefix/${LAYOUT.before}"
	}
fi
set timeout_style=menu
set timeout=${String(timeoutSeconds)}
`
