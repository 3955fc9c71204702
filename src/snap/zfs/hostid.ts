import type { Files } from '../../sys/ports.ts'
import { pathInside } from '../path-inside.ts'
import type { Target } from '../target.ts'

const HOSTID_FILE = '/etc/hostid'
/** What the kernel's command line said, 0 when it said nothing. */
const PARAMETER = '/sys/module/spl/parameters/spl_hostid'

const inHexadecimal = (hostid: number): string => `0x${hostid.toString(16).padStart(8, '0')}`

/**
 * The hostid by which a machine's pools know it, in the order in which OpenZFS looks (module/os/linux/spl/spl-generic.c): the running kernel's parameter, then the
 * file of four bytes, as a little-endian machine writes it. Null where there is none. An image has that of its own file.
 */
export const readHostid = async (files: Files, target: Target): Promise<string | null> => {
  if (target.live && (await files.stat(PARAMETER)) !== null) {
    const parameter = Number((await files.readText(PARAMETER)).trim())
    if (Number.isInteger(parameter) && parameter > 0 && parameter <= 0xff_ff_ff_ff) return inHexadecimal(parameter)
  }
  const file = await pathInside(files, target.root, HOSTID_FILE)
  if ((await files.stat(file))?.kind !== 'file') return null
  const content = await files.readBytes(file, { offset: 0, length: 4 })
  return content.byteLength < 4 || content.readUInt32LE() === 0 ? null : inHexadecimal(content.readUInt32LE())
}
