import { describe, expect, it } from 'vitest'
import { packagesAskForReboot } from '../../../src/pkg/reboot-flag.ts'

const OWN = '*** belay upgrade to acme-gateway 3.0.0: a reboot is needed ***\n'

describe('who asked for a reboot', () => {
  it('is no package while only belay’s own note is there', () => {
    expect(packagesAskForReboot(OWN, 'belay\n')).toBe(false)
  })

  it('is a package that added its name to belay’s note', () => {
    expect(packagesAskForReboot(OWN, 'belay\nlinux-image-6.12.117+deb13-amd64\n')).toBe(true)
  })

  it.each(['', 'libc6\n', 'libc6\nbelay\n'])('is whoever left the flag before belay did, with the names %j', (names) => {
    expect(packagesAskForReboot('*** System restart required ***\n', names)).toBe(true)
  })

  it('is whoever made an empty flag', () => {
    expect(packagesAskForReboot('', 'belay\n')).toBe(true)
  })
})
