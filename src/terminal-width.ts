/** Columns of the terminal that reads standard output; null for a file or pipe, and for a serial console that does not tell its width. */
export const terminalWidth = (): number | null => (process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : null)
