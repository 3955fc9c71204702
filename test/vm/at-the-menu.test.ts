import { describe, expect } from 'vitest'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'
import { LONG_SECONDS } from './story/long-seconds.ts'
import { readMachineFacts } from './story/machine-facts.ts'

describe.each(['bios', 'efi'] as const)('A person at the boot menu of an adopted machine with %s', (firmware) => {
  const step = adoptedScenario({ firmware })

  step('starts the factory version with arrow keys, for one boot', async (machine) => {
    const belay = new BelayInGuest(machine)
    for (const text of ['one', 'two', 'three']) await belay.must(`snapshot -m ${text}`)
    await machine.must("sed -i 's/menuEntries: .*/menuEntries: 3/' /etc/belay/config.yaml && belay doctor --fix", { timeoutSeconds: LONG_SECONDS })
    await machine.reboot({ pick: ['(factory)'] })
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000002', confirmed: false, why: 'picked' }, next: { be: 'be-000001' } })
    // By its policy, which is another one, the boot made the menu anew.
    expect(await belay.findings()).toEqual([expect.stringMatching(/^reboot-pending: /)])
    expect(await belay.loginMessage()).toContain('for this boot')
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000001', confirmed: true } })
  })

  step('stays with a picked version once it is confirmed', async (machine) => {
    const belay = new BelayInGuest(machine)
    await machine.reboot({ pick: ['(factory)'] })
    await belay.must('confirm')
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000002', confirmed: true } })
    expect(await belay.findings()).toEqual([])
  })

  step('finds Debian’s own menu again after the package was removed', async (machine) => {
    await machine.must('apt-get -q -y remove belay', { timeoutSeconds: LONG_SECONDS })
    await machine.reboot()
    const is = await readMachineFacts(machine)
    expect(is).toMatchObject({ application: '1.0.0', commandLine: '', root: expect.stringContaining('be-000002') as string })
  })
})
