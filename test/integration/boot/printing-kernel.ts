/**
 * A bzImage that GRUB boots and that does one thing: write its command line and the text of its initrd to the first serial port, then reset the machine.
 * With it GRUB's own decision, the paths, the arguments and the pairing of kernel and initrd are seen as a real kernel would get them.
 */
const CODE = Buffer.from(
  [
    '8b9e28020000', // mov  0x228(%esi),%ebx   boot_params.hdr.cmd_line_ptr
    'e809000000', //   call over the text
    Buffer.from('\nBOOTED \0').toString('hex'),
    '5f', //           pop  %edi
    'e842000000', //   call print
    '89df', //         mov  %ebx,%edi
    'e83b000000', //   call print
    'e809000000', //   call over the text
    Buffer.from('\nINITRD \0').toString('hex'),
    '5f', //           pop  %edi
    'e827000000', //   call print
    '8bbe18020000', // mov  0x218(%esi),%edi   boot_params.hdr.ramdisk_image
    '85ff7405', //     test %edi,%edi; jz over the call
    'e818000000', //   call print
    'e806000000', //   call over the text
    Buffer.from('\nEND\n\0').toString('hex'),
    '5f', //           pop  %edi
    'e807000000', //   call print
    'b0fee664', //     mov  $0xfe,%al; out %al,$0x64   reset by the keyboard controller
    'f4ebfd', //       hlt; jmp back
    // print: wait until the transmitter is empty, write one character, until a NUL
    '66bafd03eca82074fb8a0784c0740866baf803ee47ebe9c3',
  ].join(''),
  'hex',
)

const SECTOR = 512

/** The bytes of the kernel (Linux x86 boot protocol 2.10, Documentation/arch/x86/boot.rst); `version` is what `file` would call its version. */
export function printingKernel(version: string): Buffer {
  const setupSectors = 4
  const image = Buffer.alloc((1 + setupSectors) * SECTOR + 4096)
  image.writeUInt8(setupSectors, 0x1f1)
  image.writeUInt16LE(0xaa55, 0x1fe)
  image.writeUInt16LE(0x66eb, 0x200)
  image.write('HdrS', 0x202, 'latin1')
  image.writeUInt16LE(0x020a, 0x206)
  image.writeUInt16LE(0x0400 - 0x200, 0x20e)
  image.writeUInt8(1, 0x211)
  image.writeUInt32LE(0x100000, 0x214)
  image.writeUInt32LE(0x7fffffff, 0x22c)
  image.writeUInt32LE(0x1000, 0x230)
  image.writeUInt8(12, 0x235)
  image.writeUInt32LE(2047, 0x238)
  image.writeBigUInt64LE(0x100000n, 0x258)
  image.writeUInt32LE(0x10000, 0x260)
  image.write(`${version} (belay@test) #1 SMP\0`, 0x400, 'latin1')
  CODE.copy(image, (1 + setupSectors) * SECTOR)
  return image
}

export const printingInitrd = (label: string): Buffer => Buffer.concat([Buffer.from(`${label}\0`), Buffer.alloc(2048)])
