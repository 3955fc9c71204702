import type { BeName } from '../snap/names.ts'
import { ENV_VARIABLES } from './env-block.ts'
import { BOOT_SET_FILES, bootEnvironmentPath, LAYOUT } from './grub-partition-layout.ts'
import { grubQuote } from './grub-quoting.ts'
import type { Menu, MenuEntry } from './menu.ts'

/** Version of what menu.cfg and entry.cfg promise to grub.cfg; additive, as all formats of belay. */
const FRAGMENT_FORMAT = 1

/** Id of the submenu with the entries that are not in front. */
const SUBMENU_ID = 'belay-older'

/**
 * The menu fragment, sourced by grub.cfg. It promises to define the entries, with `belay_entries` as their number at every moment (also when the
 * file breaks off), and as its last act the function `belay_locate NAME`, which sets `belay_entry` to the menu path of a boot environment that it knows and
 * to nothing otherwise, `belay_confirmed`, the last confirmed one as of this writing, and `belay_known`, all of them, in the order of the menu.
 */
export function menuFragment(menu: Menu, options: { readonly confirmed: BeName | null }): string {
  const paths: readonly (readonly [BeName, string])[] = [
    ...menu.front.map(({ be }) => [be, be] as const),
    ...menu.rest.map(({ be }) => [be, `${SUBMENU_ID}>${be}`] as const),
  ]
  return [
    `# belay menu fragment, format ${String(FRAGMENT_FORMAT)}. Written by belay, read by grub.cfg; changes here are lost.`,
    ...menu.front.flatMap((entry, index) => [...menuEntry(entry), `set belay_entries=${String(index + 1)}`]),
    ...(menu.rest.length === 0 ? [] : [...submenu(menu.rest), `set belay_entries=${String(menu.front.length + 1)}`]),
    'function belay_locate {',
    '\tset belay_entry=',
    ...ladder(paths),
    '}',
    `set belay_confirmed=${options.confirmed ?? ''}`,
    `set belay_known=${grubQuote(paths.map(([be]) => be).join(' '))}`,
    '',
  ].join('\n')
}

/** The entry of one boot environment alone, kept in its boot set for the day when the fragment is lost. Its last act is to say that it is whole. */
export function entryFile(entry: MenuEntry): string {
  return [
    `# belay boot entry, format ${String(FRAGMENT_FORMAT)}. Written by belay, read by grub.cfg when the menu fragment is lost.`,
    ...menuEntry(entry),
    `set belay_defined=${entry.be}`,
    '',
  ].join('\n')
}

/**
 * The entry changes no choice in the env block: a version that is picked in the menu is started once. It never ends without starting something, because
 * GRUB would start a loaded kernel even after `initrd` failed (grub 2.12, grub-core/normal/menu.c, grub_menu_execute_entry).
 * A kernel that cannot be loaded: grub.cfg decides again without this boot environment. But once a kernel was loaded, the next one of the same GRUB session
 * gets garbage for a command line (seen on 2.06-13+deb12u2 and 2.12-9+deb13u2, BIOS: grub-core/loader/i386/linux.c frees the new line when it unloads
 * the old kernel), so that case goes through a restart, with a note in the env block.
 */
function menuEntry({ be, title, arguments: words }: MenuEntry): string[] {
  const file = (name: string): string => `"$prefix/${bootEnvironmentPath(be)}/${name}"`
  return [
    `menuentry ${grubQuote(title)} --class belay --unrestricted --id ${be} {`,
    `\tif [ -s ${file(BOOT_SET_FILES.initrd)} ]; then`,
    `\t\tif linux ${[file(BOOT_SET_FILES.vmlinuz), ...words.map(grubQuote)].join(' ')}; then`,
    `\t\t\tif initrd ${file(BOOT_SET_FILES.initrd)}; then`,
    '\t\t\t\tboot',
    '\t\t\tfi',
    `\t\t\tset ${ENV_VARIABLES.skip}="$belay_failed ${be}"`,
    `\t\t\tsave_env -f "$prefix/${LAYOUT.env}" ${ENV_VARIABLES.skip}`,
    `\t\t\techo '${be} could not be started; restarting without it.'`,
    '\t\t\tsleep 5',
    '\t\t\treboot',
    '\t\tfi',
    '\tfi',
    `\techo '${be} could not be loaded.'`,
    `\tset belay_failed="$belay_failed ${be}"`,
    '\texport belay_failed',
    // Set where GRUB's core image holds belay's stub: it finds a configuration also when grub.cfg is damaged.
    '\tif [ -n "$belay_stub" ]; then',
    '\t\tconfigfile "$belay_stub"',
    '\tfi',
    `\tconfigfile "$prefix/${LAYOUT.grubCfg}"`,
    '\tsleep 10',
    '\treboot',
    '}',
  ]
}

function submenu(entries: readonly MenuEntry[]): string[] {
  return [`submenu 'Older versions' --class belay --unrestricted --id ${SUBMENU_ID} {`, ...entries.flatMap(menuEntry).map((text) => `\t${text}`), '}']
}

function ladder(paths: readonly (readonly [BeName, string])[]): string[] {
  if (paths.length === 0) return []
  return [
    ...paths.flatMap(([be, path], index) => [`\t${index === 0 ? 'if' : 'elif'} [ "$1" = ${be} ]; then`, `\t\tset belay_entry=${grubQuote(path)}`]),
    '\tfi',
  ]
}
