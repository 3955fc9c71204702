import { describe, expect, it } from 'vitest'
import { NoSpaceError } from '../../../src/errors.ts'
import { readUpgradeRooms } from '../../../src/operations/read-upgrade-space.ts'
import { type Room, proveRooms } from '../../../src/snap/plan/space-check.ts'
import { MemoryAppliance } from '../../fakes/memory-appliance.ts'

const MIB = 1024 * 1024

const upgradeOf = (name: string) => ({ name, to: '2' })
const placesOf = (rooms: readonly Room[]): string[] => rooms.map(({ where }) => where)

describe('the room that an upgrade needs beside the pool', () => {
  it('is that of belay’s records, of GRUB’s own files where its package changes, and of the ESP where one is mounted', async () => {
    const machine = await MemoryAppliance.initialised()
    const { files } = machine
    const file = async (path: string, bytes: number): Promise<void> => {
      await files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755)
      await files.writeAtomic(path, new Uint8Array(bytes))
    }
    await file('/target/boot/grub/x86_64-efi/normal.mod', 2 * MIB)
    await file('/target/boot/grub/fonts/unicode.pf2', MIB)
    await file('/target/boot/grub/belay/sets/big', 9 * MIB)
    await file('/target/boot/efi/EFI/debian/grubx64.efi', 3 * MIB)
    await file('/target/boot/efi/EFI/debian/fw/more', MIB)
    await file('/target/boot/efi/EFI/other/huge.efi', 9 * MIB)

    expect(placesOf(await readUpgradeRooms(machine.process(), [upgradeOf('acme-gateway'), upgradeOf('grub-theme-acme')], 80 * MIB))).toEqual(['state'])
    const rooms = await readUpgradeRooms(machine.process(), [upgradeOf('acme-gateway'), upgradeOf('grub-efi-amd64-bin')], 80 * MIB)
    expect(rooms.map(({ where, need }) => [where, need / MIB])).toEqual([
      ['state', 8],
      ['/boot/grub', 3 + 100 + 2],
    ])
    const table = await files.readText('/proc/self/mountinfo')
    await files.writeAtomic('/proc/self/mountinfo', `${table}90 1 0:90 / /target/boot/efi rw - vfat /dev/esp rw\n`)
    const withEsp = await readUpgradeRooms(machine.process(), [upgradeOf('grub-efi-amd64-bin')], 80 * MIB)
    expect(withEsp.at(-1)).toMatchObject({ where: '/boot/efi', need: 6 * MIB })
  })

  it('is proven place by place, and the first that has too little is named', () => {
    const room = (where: string, need: number, free: number): Room => ({ where, called: where, need, free, next: ['make room'] })
    expect(proveRooms('the upgrade', [room('state', 5 * MIB, 5 * MIB)]).detail).toBe('5 MiB on state')
    const prove = (): unknown => proveRooms('the upgrade', [room('state', 5, 5), room('/boot/efi', 6 * MIB, 6 * MIB - 1)])
    expect(prove).toThrow(NoSpaceError)
    expect(prove).toThrow('needs 6 MiB on /boot/efi; 5 MiB is free')
  })
})
