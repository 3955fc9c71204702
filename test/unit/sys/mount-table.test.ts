import { describe, expect, it } from 'vitest'
import { parseMountInfo } from '../../../src/sys/mount-table.ts'

/** Lines as Linux 6.18 writes them (proc_pid_mountinfo(5)); the mountpoints are made up. */
const line = (options: string, ofFilesystem: string): string => `36 35 7:18 / /boot/grub ${options} shared:1 - ext4 /dev/loop18 ${ofFilesystem}`

describe('the mount table', () => {
  it.each([
    ['rw,relatime', 'rw', false],
    ['ro,relatime', 'rw', true],
    ['rw,relatime', 'ro,errors=remount-ro', true],
    ['rw,relatime', 'rw,errors=remount-ro', false],
  ])('with %s and %s says whether a filesystem can be written', (options, ofFilesystem, readOnly) => {
    expect(parseMountInfo(line(options, ofFilesystem))).toMatchObject([{ mountpoint: '/boot/grub', type: 'ext4', source: '/dev/loop18', readOnly }])
  })
})
