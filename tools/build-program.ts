// Bundles belay: one file per command and the chunks that they share, with oclif and all other packages inside, and oclif's manifest.
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Config, type Interfaces } from '@oclif/core'
import { build, type Plugin } from 'esbuild'
import { oclifSection } from '../src/oclif-section.ts'

const root = join(import.meta.dirname, '..')
const { name, version: ownVersion } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string; version: string }

/** CommonJS packages inside an ES module ask for these. */
export const COMMONJS = `import { createRequire as belayCreateRequire } from 'node:module'
const require = belayCreateRequire(import.meta.url)
const __filename = import.meta.filename
const __dirname = import.meta.dirname`

/** zod carries its messages in fifty languages, which is half of its size and a quarter of its load time; belay speaks English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: (bundler) => {
    bundler.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js'",
      resolveDir: dirname(path),
    }))
  },
}

/**
 * Builds the program into a directory, which appears whole or not at all.
 * @param version what `--version` says; its chunks are named after it, so that no version of belay has files of another
 */
export async function buildProgram(outdir: string, version: string = ownVersion): Promise<void> {
  const dist = `${outdir}.new`
  rmSync(dist, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts', 'src/belay-help.ts', 'src/program-directory.ts', ...globSync('src/commands/**/*.ts', { cwd: root }).sort()],
    outbase: 'src',
    outdir: dist,
    chunkNames: `${version}-[name]-[hash]`,
    bundle: true,
    // A package is built in a copy of the checkout whose node_modules is a link.
    preserveSymlinks: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // oclif reads tsconfig.json with it where it finds one, which is never in an installed belay.
    external: ['typescript'],
    plugins: [englishOnly],
    banner: { js: COMMONJS },
    sourcemap: 'external',
    minifyWhitespace: true,
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
  })
  mkdirSync(join(dist, 'commands'), { recursive: true })
  writeFileSync(join(dist, 'metafile.json'), JSON.stringify(metafile))
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ name, version, type: 'module', oclif: oclifSection('js') }, null, 2)}\n`)

  const config = await Config.load({ root: dist, ignoreManifest: true, errorOnManifestCreate: true })
  const plugin = config.plugins.get(name) as (Interfaces.Plugin & { readonly manifest?: Interfaces.Manifest }) | undefined
  if (plugin?.manifest === undefined) throw new Error('oclif did not load the plugin that was just built')
  writeFileSync(join(dist, 'oclif.manifest.json'), `${JSON.stringify(plugin.manifest, null, 2)}\n`)
  rmSync(`${outdir}.old`, { recursive: true, force: true })
  if (existsSync(outdir)) renameSync(outdir, `${outdir}.old`)
  renameSync(dist, outdir)
  rmSync(`${outdir}.old`, { recursive: true, force: true })
}
