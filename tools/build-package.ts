import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const CHECKOUT = join(import.meta.dirname, '..')
const DPKG_BUILDPACKAGE = '/usr/bin/dpkg-buildpackage'
/** What the package is built from. */
const SOURCES = ['bin', 'debian', 'docs', 'hooks', 'libexec', 'schemas', 'src', 'systemd', 'tools', 'package.json']

interface PackageOptions {
  /** Of the package and of the program in it; default: that of package.json, which the changelog shares. */
  readonly version?: string
  /** Default: `build` in the checkout. */
  readonly outputDirectory?: string
  readonly compression?: 'xz' | 'zstd' | 'none'
}

/**
 * Builds the Debian package, unsigned, with its .changes and .buildinfo, in a temporary copy of the checkout: several builds may run at once.
 * @returns the path of the .deb
 * @throws Error with what the build printed
 */
export async function buildDebianPackage({ version, outputDirectory = join(CHECKOUT, 'build'), compression = 'xz' }: PackageOptions = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'belay-build-'))
  try {
    const tree = join(directory, 'belay')
    await mkdir(tree)
    for (const name of SOURCES) await cp(join(CHECKOUT, name), join(tree, name), { recursive: true })
    await symlink(join(CHECKOUT, 'node_modules'), join(tree, 'node_modules'))
    if (version !== undefined) await setVersion(tree, version)
    await run(tree, compression)

    await mkdir(outputDirectory, { recursive: true })
    const products = (await readdir(directory)).filter((name) => /\.(?:deb|changes|buildinfo)$/.test(name))
    for (const name of products) await publish(join(directory, name), join(outputDirectory, name))
    const [archive] = products.filter((name) => name.endsWith('.deb'))
    if (archive === undefined) throw new Error('dpkg-buildpackage made no .deb')
    return join(outputDirectory, archive)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function setVersion(tree: string, version: string): Promise<void> {
  const [packageFile, changelog] = [join(tree, 'package.json'), join(tree, 'debian/changelog')]
  await writeFile(packageFile, (await readFile(packageFile, 'utf8')).replace(/"version": "[^"]*"/, `"version": "${version}"`))
  await writeFile(changelog, (await readFile(changelog, 'utf8')).replace(/^belay \([^)]*\)/, `belay (${version})`))
}

/** The caller's npm and Node settings are none of the build's business. */
async function run(tree: string, compression: string): Promise<void> {
  const child = spawn(DPKG_BUILDPACKAGE, ['--build=binary', '--no-sign'], {
    cwd: tree,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: process.env['HOME'] ?? '/',
      LC_ALL: 'C.UTF-8',
      DEB_BUILD_OPTIONS: 'parallel=2',
      BELAY_DEB_COMPRESSION: compression,
    },
  })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>])
  if (status !== 0) throw new Error(`dpkg-buildpackage ended with ${String(status)}\n${stdout}${stderr}`)
}

/** Appears whole or not at all, also on another filesystem. */
async function publish(source: string, target: string): Promise<void> {
  const temporary = `${target}.${String(process.pid)}.tmp`
  await copyFile(source, temporary)
  await rename(temporary, target)
}
