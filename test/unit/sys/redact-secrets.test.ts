import { describe, expect, it } from 'vitest'
import { redactSecrets } from '../../../src/sys/redact-secrets.ts'

describe('redactSecrets', () => {
  it('hides values whose key names a secret, at any depth', () => {
    expect(redactSecrets({ user: 'a', options: [{ passphrase: 'x', apiKey: 'y', Authorization: 'z' }] })).toEqual({
      user: 'a',
      options: [{ passphrase: '[redacted]', apiKey: '[redacted]', Authorization: '[redacted]' }],
    })
  })

  it('hides credentials in URLs and leaves the rest of the text', () => {
    expect(redactSecrets(['get https://user:pass@mirror.example/debian', 'me@example.org'])).toEqual([
      'get https://[redacted]@mirror.example/debian',
      'me@example.org',
    ])
  })

  it('keeps what is not text', () => {
    expect(redactSecrets({ status: 0, missing: null })).toEqual({ status: 0, missing: null })
    expect(redactSecrets(new Error('ssh://u:p@host failed'))).toMatchObject({ name: 'Error', message: 'ssh://[redacted]@host failed' })
  })
})
