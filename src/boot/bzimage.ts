/** How many bytes from its start hold everything that `parseKernelImage` looks at: the boot sector and at most 64 setup sectors. */
export const KERNEL_HEADER_BYTES = 65 * 512

/** Offsets of the x86 setup header (Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"). */
const SETUP_MAGIC = 0x202
const VERSION_POINTER = 0x20e
/** The version pointer counts from here. */
const SETUP_CODE = 0x200
/** Offset of the arm64 image magic (Linux, Documentation/arch/arm64/booting.rst). */
const ARM64_MAGIC = 0x38

export type KernelImage =
  | {
      readonly format: 'bzimage'
      /** `uname -r` of this kernel. */
      readonly version: string
    }
  /** Carries no version that could be read without unpacking it. */
  | { readonly format: 'arm64' }

/** What a kernel file says of itself, from its first KERNEL_HEADER_BYTES; null when it is no kernel, or cut off inside its header. */
export function parseKernelImage(start: Uint8Array): KernelImage | null {
  const bytes = Buffer.from(start)
  if (textAt(bytes, ARM64_MAGIC, 4) === 'ARM\x64') return { format: 'arm64' }
  if (textAt(bytes, SETUP_MAGIC, 4) !== 'HdrS' || bytes.length < VERSION_POINTER + 2) return null
  const pointer = bytes.readUInt16LE(VERSION_POINTER)
  if (pointer === 0) return null
  const from = SETUP_CODE + pointer
  const end = bytes.indexOf(0, from)
  if (end === -1) return null
  const version = /^[\x21-\x7e]+/.exec(bytes.toString('latin1', from, end))?.[0]
  return version === undefined ? null : { format: 'bzimage', version }
}

const textAt = (bytes: Buffer, offset: number, length: number): string => bytes.toString('latin1', offset, offset + length)
