import type { Power, Runner } from './ports.ts'

/** Reboots through systemd, which stops services first. */
export const createSystemdPower = (runner: Runner): Power => ({
  async reboot() {
    await runner.run('/usr/bin/systemctl', ['reboot'])
  },
})
