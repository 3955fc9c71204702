import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { buildDebianPackage } from '../../../tools/build-package.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')

let directory: string
let archive: string

/** Everything of a directory, with its content. */
const fingerprint = (path: string): string => {
  const hash = createHash('sha256')
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    hash.update(`${entry.parentPath}/${entry.name}\0`)
    if (entry.isFile()) hash.update(readFileSync(join(entry.parentPath, entry.name)))
  }
  return hash.digest('hex')
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'belay-package-'))
  archive = await buildDebianPackage({ outputDirectory: join(directory, 'first'), compression: 'none' })
}, 300_000)

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('the Debian package', () => {
  it('has nothing that lintian calls an error or a warning', async () => {
    const changes = archive.replace(/\.deb$/, '.changes')
    // It is built without compression here, to save a minute.
    const uncompressed = ['--suppress-tags', 'uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball']
    const { status, stdout } = await runTool('/usr/bin/lintian', ['--allow-root', '--fail-on', 'error,warning', ...uncompressed, '--', changes], {
      expect: [0, 1, 2],
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })

  it('is the same, byte for byte, when it is built again beside another build, and the checkout is as it was', async () => {
    const before = fingerprint(join(CHECKOUT, 'debian'))
    const [again, other] = await Promise.all([
      buildDebianPackage({ outputDirectory: join(directory, 'second'), compression: 'none' }),
      buildDebianPackage({ version: '0.0.9', outputDirectory: join(directory, 'other'), compression: 'none' }),
    ])
    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true)
    expect(basename(other)).toMatch(/^belay_0\.0\.9_/)
    expect((await runTool('/usr/bin/dpkg-deb', ['--field', other, 'Version'])).stdout.trim()).toBe('0.0.9')
    expect(fingerprint(join(CHECKOUT, 'debian'))).toBe(before)
  })

  it('offers commands, options and generations at the press of a key', async () => {
    const unpacked = join(directory, 'unpacked')
    await runTool('/usr/bin/dpkg-deb', ['--extract', archive, unpacked])
    const script = `
      . /usr/share/bash-completion/bash_completion
      . "$1/usr/share/bash-completion/completions/belay"
      _belay_generations() { echo 1; echo 12; echo 3; }
      COMP_WORDS=(); COMP_LINE=$2; read -ra COMP_WORDS <<<"$2"
      [[ $2 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); COMP_POINT=\${#2}
      _belay; printf '%s\\n' "\${COMPREPLY[@]}"`
    const complete = async (line: string): Promise<string[]> =>
      (await runTool('/bin/bash', ['-c', script, 'complete', unpacked, line])).stdout.split('\n').filter((word) => word !== '')
    expect(await complete('belay ro')).toEqual(['rollback'])
    expect(await complete('belay boot-set ')).toEqual(['refresh'])
    expect(await complete('belay rollback 1')).toEqual(['1', '12'])
    expect(await complete('belay rollback --keep')).toEqual(['--keep-config'])
    expect(await complete('belay delete 12 3')).toEqual(['3'])
    expect(await complete('belay status --root /usr/sha')).toEqual(['/usr/share'])
  })
})
