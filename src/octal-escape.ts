/** fstab(5) and /proc/self/mountinfo write blank, tab, newline and backslash as three octal digits (proc_pid_mountinfo(5)). */
export const octalEscape = (text: string): string => text.replaceAll(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)

export const octalUnescape = (text: string): string => text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
