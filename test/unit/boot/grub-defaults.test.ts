import { describe, expect, it } from 'vitest'
import { readGrubDefaults } from '../../../src/boot/grub-defaults.ts'

/** /etc/default/grub of grub-pc 2.12-9 (Debian 13), comments shortened. */
const DEBIAN = `# If you change this file, run 'update-grub' afterwards to update
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=\`( . /etc/os-release && echo \${NAME} )\`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
#GRUB_TERMINAL=console
`

describe('what Debian’s GRUB was told', () => {
  it('is the kernel arguments, the time-out and no serial line on a fresh Debian', () => {
    expect(readGrubDefaults([DEBIAN])).toEqual({ kernelArguments: ['quiet'], timeoutSeconds: 5, serial: null, leftOut: [] })
  })

  it('is overridden and extended by later files, as in a cloud image', () => {
    const cloud = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty0 console=ttyS0,115200 earlyprintk=ttyS0,115200"\nGRUB_TIMEOUT=0\n'
    const serial = 'GRUB_TERMINAL="serial console"\nGRUB_SERIAL_COMMAND="serial --unit=1 --speed=115200"\n'
    expect(readGrubDefaults([DEBIAN, cloud, serial])).toEqual({
      kernelArguments: ['console=tty0', 'console=ttyS0,115200', 'earlyprintk=ttyS0,115200', 'quiet'],
      timeoutSeconds: 1,
      serial: { unit: 1, speed: 115_200 },
      leftOut: [],
    })
  })

  it('leaves what belay sets itself to belay', () => {
    const text = "GRUB_CMDLINE_LINUX='root=/dev/sda1 rw resume=UUID=1 panic=0 belay.be=be-000009 mitigations=auto'\n"
    expect(readGrubDefaults([text])).toMatchObject({ kernelArguments: ['mitigations=auto'], leftOut: [] })
  })

  it('names arguments that could not be written to a menu safely', () => {
    expect(readGrubDefaults(['GRUB_CMDLINE_LINUX="dyndbg=\\"file.c +p\\" quiet"\n'])).toMatchObject({
      kernelArguments: ['quiet'],
      leftOut: ['dyndbg="file.c', '+p"'],
    })
  })

  it('runs nothing: a value that only a shell could make is named instead', () => {
    const unread = ['GRUB_CMDLINE_LINUX="$(id) $OTHER"', 'GRUB_CMDLINE_LINUX=quiet" splash"', 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX nomodeset"']
    const text = `GRUB_CMDLINE_LINUX="quiet"\n${unread[0] ?? ''}\n${unread[1] ?? ''}\nif true; then GRUB_TIMEOUT=9; fi\nif true; then\n  ${unread[2] ?? ''}\nfi\n`
    expect(readGrubDefaults([text])).toMatchObject({ kernelArguments: ['quiet'], timeoutSeconds: null, leftOut: unread })
  })

  it('follows a value over two lines', () => {
    expect(readGrubDefaults(['GRUB_CMDLINE_LINUX="console=ttyS0 \\\nquiet"\n'])).toMatchObject({ kernelArguments: ['console=ttyS0', 'quiet'], leftOut: [] })
  })

  it('names mount options of the root that belay does not write', () => {
    expect(readGrubDefaults(['GRUB_CMDLINE_LINUX="rootflags=degraded,subvol=@rootfs"\n']).leftOut).toEqual(['rootflags=degraded,subvol=@rootfs'])
    expect(readGrubDefaults(['GRUB_CMDLINE_LINUX="rootflags=subvol=@rootfs"\n']).leftOut).toEqual([])
  })

  it.each(['-1', 'forever', '', '100000'])('has no time-out when it says %j', (value) => {
    expect(readGrubDefaults([`GRUB_TIMEOUT=${value}\n`]).timeoutSeconds).toBeNull()
  })

  it.each(['--unit 1 --speed 57600', '--speed=57600 --unit=1'])('reads serial options as GRUB does: %s', (options) => {
    expect(readGrubDefaults([`GRUB_TERMINAL=serial\nGRUB_SERIAL_COMMAND="serial ${options}"\n`]).serial).toEqual({ unit: 1, speed: 57_600 })
  })

  it('takes the serial line only where the terminal is one', () => {
    expect(readGrubDefaults(['GRUB_SERIAL_COMMAND="serial --speed=57600"\n']).serial).toBeNull()
    expect(readGrubDefaults(['GRUB_TERMINAL_OUTPUT="gfxterm serial"\nGRUB_SERIAL_COMMAND="serial --speed=57600"\n']).serial).toEqual({ unit: 0, speed: 57_600 })
  })
})
