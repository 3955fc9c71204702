import { describe, expect, it } from 'vitest'
import { InvalidFileError } from '../../../src/errors.ts'
import { defaultPolicy, parsePolicy } from '../../../src/policy/policy.ts'

const FILE = '/etc/belay/config.yaml'

const faultsOf = (text: string): readonly string[] => {
  try {
    parsePolicy(text, FILE)
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidFileError)
    if (!(error instanceof InvalidFileError)) throw error
    expect(error.exitCode).toBe(2)
    expect(error.message).toContain(FILE)
    return error.data['faults'] as readonly string[]
  }
  throw new Error('the file was accepted')
}

describe('config.yaml', () => {
  it('with nothing but its format is the default', () => {
    expect(parsePolicy('format: 1\n', FILE)).toEqual(defaultPolicy())
  })

  it('names identity by file, with globs in the last part alone', () => {
    expect(parsePolicy('format: 1\nidentity: [/etc/acme/device.*]\n', FILE).identity).toEqual(['/etc/acme/device.*'])
    expect(faultsOf('format: 1\nidentity: [/etc/*/device.id]\n').join()).toContain('line 2')
    expect(faultsOf('format: 1\nidentity: [/etc/../root/.ssh/id]\n').join()).toContain('line 2')
  })

  it('names units in full, and no patterns and templates', () => {
    const units = ['acme-gateway.service', 'acme@1.service', 'acme.socket', String.raw`acme@dev-sd\x2da.service`]
    expect(parsePolicy(`format: 1\nquiesce: ${JSON.stringify(units)}\n`, FILE).quiesce).toEqual(units)
    for (const name of ['acme', 'acme.mount', 'acme@.service', 'acme-*.service', '--all.service', 'acme gateway.service', '../acme.service', 'a/b.service'])
      expect(faultsOf(`format: 1\nquiesce: [${JSON.stringify(name)}]\n`).join(), name).toContain('line 2, column 11: quiesce.0')
  })

  it('keeps the defaults of keys beside one that is given', () => {
    const policy = parsePolicy('format: 1\nretention:\n  newest: 3\n', FILE)
    expect(policy.retention).toEqual({ ...defaultPolicy().retention, newest: 3 })
    expect(policy.boot.panicSeconds).toBe(10)
  })

  it.each([
    ['an unknown key', 'format: 1\nconfigs:\n  - /etc/app\n', 'line 2, column 1', 'configs'],
    ['an unknown key in a section', 'format: 1\nretention:\n  newest: 3\n  oldest: 1\n', 'line 4, column 3', 'oldest'],
    [
      'an unknown key in a list',
      'format: 1\npackages:\n  debconf:\n    - package: gateway\n      question: gateway/port\n      type: string\n      value: "80"\n      seen: true\n',
      'line 8, column 7',
      'seen',
    ],
    ['a number where text belongs', 'format: 1\nconfig:\n  - 5\n', 'line 3, column 5', 'config.0'],
    ['text where a number belongs', 'format: 1\nretention:\n  newest: ten\n', 'line 3, column 11', 'retention.newest'],
    ['a number that is too large', 'format: 1\ntrial:\n  attempts: 4\n', 'line 3, column 13', 'trial.attempts'],
    ['a fraction', 'format: 1\ntrial:\n  attempts: 1.5\n', 'line 3, column 13', 'trial.attempts'],
    ['a word that is no choice', 'format: 1\nupgrade:\n  onFailure: panic\n', 'line 3, column 14', 'upgrade.onFailure'],
    ['a list where a section belongs', 'format: 1\nboot: []\n', 'line 2, column 7', 'boot'],
    ['a relative path', 'format: 1\nconfig: [etc/app]\n', 'line 2, column 10', 'config.0'],
    ['a path with a slash at its end', 'format: 1\nconfig: [/etc/app/]\n', 'line 2, column 10', 'config.0'],
    ['the root as a path', 'format: 1\ninRoot: [/]\n', 'line 2, column 10', 'inRoot.0'],
    ['a path with an empty part', 'format: 1\nconfig: [/etc//app]\n', 'line 2, column 10', 'config.0'],
    ['a path with a newline', 'format: 1\nconfig: ["/etc/a\\nb"]\n', 'line 2, column 10', 'config.0'],
    ['a kernel argument with a blank', 'format: 1\nboot:\n  kernelArguments: [a b]\n', 'line 3, column 21', 'boot.kernelArguments.0'],
    ['a kernel argument that GRUB would expand', 'format: 1\nboot:\n  kernelArguments: [a=$b]\n', 'line 3, column 21', 'boot.kernelArguments.0'],
    ['a kernel argument that belay sets', 'format: 1\nboot:\n  kernelArguments: [root=/dev/vda]\n', 'line 3, column 21', 'boot.kernelArguments.0'],
    ['a package glob with a slash', 'format: 1\npackages:\n  important: [../x]\n', 'line 3, column 15', 'packages.important.0'],
    [
      'a debconf value of two lines',
      'format: 1\npackages:\n  debconf:\n    - { package: gateway, question: gateway/port, type: string, value: "8\\n0" }\n',
      'line 4, column 72',
      'packages.debconf.0.value',
    ],
    ['no format', 'config: []\n', 'line 1, column 1', 'format'],
    ['a format that it does not know', 'format: 2\n', 'line 1, column 9', 'format'],
    ['a duplicate key', 'format: 1\nconfig: []\nconfig: []\n', 'line 3, column 1', 'unique'],
    ['broken YAML', 'format: 1\nconfig: [/etc/app\nboot: {}\n', 'line 3', ''],
    ['a tab as indentation', 'format: 1\nboot:\n\tpanicSeconds: 3\n', 'line 3', ''],
  ])('with %s says where', (_, text, place, about) => {
    const faults = faultsOf(text).join('\n')
    expect(faults).toContain(place)
    expect(faults).toContain(about)
  })

  it('names every fault at once', () => {
    expect(faultsOf('format: 1\nconfig: [x]\ntrial:\n  attempts: 9\nboot:\n  nothing: 1\n')).toHaveLength(3)
  })

  it('that is a list, a word or nothing is refused', () => {
    for (const text of ['- a\n', 'word\n', '', '# only a comment\n', 'null\n']) expect(faultsOf(text)).not.toEqual([])
  })

  it('does not let aliases grow without bound', () => {
    const bomb = [
      'format: 1',
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...'bcdefg'.split('').map((letter, position) => `${letter}: &${letter} [${`*${'abcdef'.charAt(position)}, `.repeat(9)}]`),
    ]
    expect(() => parsePolicy(`${bomb.join('\n')}\n`, FILE)).toThrow()
  })
})
