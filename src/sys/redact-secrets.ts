const SECRET_KEY = /pass(?:word|phrase|wd)|secret|token|credential|authorization|private-?key|api-?key/i
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi
const REDACTED = '[redacted]'

/** A copy of logged facts without secrets: values whose key names one, and user:password in URLs. */
export function redactSecrets(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(URL_CREDENTIALS, `$1${REDACTED}@`)
  if (Array.isArray(value)) return value.map(redactSecrets)
  if (value instanceof Error) return { name: value.name, message: redactSecrets(value.message), stack: redactSecrets(value.stack) }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, SECRET_KEY.test(key) ? REDACTED : redactSecrets(inner)]))
}
