import { chmod, copyFile, mkdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runTool } from '../../demo/run-tool.ts'

const LDD = '/usr/bin/ldd'

/** Libraries of a program by absolute path, from the output of ldd. */
const parseLibraries = (text: string): string[] => [...text.matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].flatMap(([, path]) => (path === undefined ? [] : [path]))

/**
 * Puts programs of this machine into a directory of a root, with those of their libraries that the root does not have itself: they then run inside that root without being
 * installed in it, which would make it another tree than the one that belay was measured on.
 * @param directory absolute, inside the root
 */
export const bringPrograms = async (programs: readonly string[], root: string, directory: string): Promise<void> => {
  const [bin, lib] = [join(root, directory, 'bin'), join(root, directory, 'lib')]
  for (const path of [bin, lib]) await mkdir(path, { recursive: true })
  for (const program of programs) {
    await copyFile(program, join(bin, basename(program)))
    await chmod(join(bin, basename(program)), 0o755)
    const { stdout } = await runTool(LDD, [program], { expect: [0, 1] })
    for (const library of parseLibraries(stdout)) {
      if ((await stat(join(root, library)).catch(() => null)) === null) await copyFile(library, join(lib, basename(library)))
    }
  }
}
