/** A line that apt writes to APT::Status-Fd (README.progress-reporting in apt's documentation). */
export type StatusLine =
  | { readonly kind: 'download' | 'dpkg'; readonly fraction: number; readonly text: string }
  | { readonly kind: 'error'; readonly package: string; readonly text: string }
  | { readonly kind: 'conffile'; readonly path: string }

const LINE = /^(dlstatus|pmstatus|pmerror|pmconffile):(.*?):(\d+(?:\.\d+)?):(.*)$/

/** Null for a line that is none of these. A foreign architecture makes the package `name:arch`, hence the shortest match up to a number. */
export const parseStatusLine = (line: string): StatusLine | null => {
  const [, kind, subject = '', percent, text = ''] = LINE.exec(line) ?? []
  const fraction = Math.min(1, Number(percent) / 100)
  switch (kind) {
    case 'dlstatus':
      return { kind: 'download', fraction, text }
    case 'pmstatus':
      return { kind: 'dpkg', fraction, text }
    case 'pmerror':
      return { kind: 'error', package: subject, text }
    case 'pmconffile':
      return { kind: 'conffile', path: subject }
    default:
      return null
  }
}
