import { describe, expect } from 'vitest'
import { scenario } from './lab/scenario.ts'
import { ROOT_PASSWORD } from './lab/prepare-root.ts'

const CONSOLE = { timeoutMs: 600_000 }

describe('a Debian appliance that boots from disk through GRUB', () => {
  const step = scenario()
  const boots: string[] = []

  step('comes up with no key pressed, all units well', async (machine) => {
    boots.push((await machine.start()).bootId)
    expect(await machine.must('uname -r')).toMatch(/^6\.12\.\d+\+deb13-amd64\n$/)
    expect(await machine.must('findmnt --noheadings --output FSTYPE,FSROOT /')).toMatch(/^btrfs\s+\/@rootfs\n$/)
    expect(await machine.must('findmnt --noheadings --output FSTYPE,FSROOT /boot/grub')).toMatch(/^ext4\s+\/\n$/)
    expect(await machine.must('systemctl is-system-running --wait')).toBe('running\n')
  })

  step('answers with status, output and errors apart, whatever they hold', async (machine) => {
    const script = "printf '\\001\\377 done\\n'; echo beside >&2; exit 3"
    expect(await machine.run(script)).toEqual({ status: 3, stdout: '\u0001\uFFFD done\n', stderr: 'beside\n' })
    expect((await machine.must('seq 100000')).split('\n')).toHaveLength(100_001)
    await expect(machine.run('echo begun; sleep 60', { timeoutSeconds: 1 })).rejects.toThrow(/not finished within 1 s.*begun/s)
  })

  step('comes up again after a reboot', async (machine) => {
    boots.push((await machine.reboot()).bootId)
    expect(new Set(boots).size).toBe(2)
  })

  step('comes up again after a power cut, with what was flushed before', async (machine) => {
    await machine.must('echo kept >/root/kept; sync /root/kept')
    await machine.powerCut()
    expect(machine.isOn).toBe(false)
    expect((await machine.grubReads('/grub.cfg')).toString()).toContain('menuentry')
    await machine.start()
    expect(await machine.must('cat /root/kept')).toBe('kept\n')
  })

  step('starts the entry that arrow keys pick, also in a submenu', async (machine) => {
    await machine.goDown()
    await machine.pick(['Advanced options', 'recovery mode'])
    await machine.console.waitFor(/root password for (?:system )?maintenance[^:]*:/, { what: 'rescue shell', ...CONSOLE })
    machine.console.send(`${ROOT_PASSWORD}\r`)
    await machine.console.waitFor(/# $/m, { what: 'prompt of root', ...CONSOLE })
    machine.console.send('cat /proc/cmdline\r')
    await machine.console.waitFor(/ single /, { what: 'kernel command line of recovery mode', ...CONSOLE })
  })

  step('comes up again after a reset', async (machine) => {
    await machine.pressReset()
    expect(await machine.must('cat /proc/cmdline')).not.toContain('single')
  })
})
