import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../demo/run-tool.ts'
import { buildDebianPackage } from '../../tools/build-package.ts'
import { takeTurns } from '../lab/samples.ts'
import { timeCommand } from '../lab/timed-command.ts'
import { atMostMore, type Comparison } from '../report/comparison.ts'

const LIBRARY = '/usr/lib/belay'
const DPKG_DEB = '/usr/bin/dpkg-deb'
const KIB = 1024
const MEGABYTE = 1e6

/** What the package costs on a disk, and what it costs to start belay through its launcher, by the runtime in the package. */
export const comparePackage = async (rounds: number): Promise<{ readonly comparisons: Comparison[]; readonly size: string }> => {
  const directory = await mkdtemp(join(tmpdir(), 'belay-bench-package-'))
  try {
    const archive = await buildDebianPackage({ outputDirectory: directory })
    const installed = Number((await runTool(DPKG_DEB, ['--field', archive, 'Installed-Size'])).stdout)
    const size = `Debian package ${((await stat(archive)).size / MEGABYTE).toFixed(1)} MB, installed ${((installed * KIB) / MEGABYTE).toFixed(0)} MB`

    const root = join(directory, 'root')
    await runTool(DPKG_DEB, ['--extract', archive, root])
    const library = join(root, LIBRARY)
    const node = join(library, 'runtime/node')
    // The launcher as it is, but for where it looks; and what the package does when it is configured.
    const launcher = join(root, 'usr/bin/belay')
    await writeFile(launcher, (await readFile(launcher, 'utf8')).replaceAll(LIBRARY, library))
    await runTool(node, [join(library, 'bin/write-compile-cache.js')])
    const { start, help, bare } = await takeTurns(
      {
        start: { name: 'belay --version', measure: () => timeCommand([launcher, '--version']) },
        help: { name: 'belay status --help', measure: () => timeCommand([launcher, 'status', '--help']) },
        bare: { name: 'node -e 0', measure: () => timeCommand([node, '-e', '0']) },
      },
      { rounds, warmUp: true },
    )
    return {
      comparisons: [
        { what: 'start of the installed command line', belay: start, other: bare, target: atMostMore(50) },
        { what: 'help of an installed command', belay: help, other: bare, target: null },
      ],
      size,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
