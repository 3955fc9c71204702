import { describe, expect, it } from 'vitest'
import { parseControlGroups, parseShownUnits } from '../../../src/sys/systemctl-show.ts'

/** `systemctl show --property=…` of systemd 252.38: properties come in an order of their own. */
const SHOWN = `RequiredBy=acme-ui.service acme-report.service
RequisiteOf=
BoundBy=acme-ui.service
ConsistsOf=acme-worker@1.service
TriggeredBy=acme-gateway.socket
PropagatesStopTo=
LoadState=loaded
ActiveState=active

RequiredBy=
RequisiteOf=
BoundBy=
ConsistsOf=
TriggeredBy=
PropagatesStopTo=
LoadState=not-found
ActiveState=inactive
`

describe('what systemctl shows', () => {
  it('is one unit after the other, each with all that stops along with it', () => {
    expect(parseShownUnits(SHOWN)).toEqual([
      {
        loadState: 'loaded',
        activeState: 'active',
        takesAlong: ['acme-ui.service', 'acme-report.service', 'acme-worker@1.service'],
        triggeredBy: ['acme-gateway.socket'],
      },
      { loadState: 'not-found', activeState: 'inactive', takesAlong: [], triggeredBy: [] },
    ])
  })

  it('is nothing in a chroot, where systemctl ignores what it is asked', () => {
    expect(parseShownUnits('')).toEqual([])
  })
})

describe('the control groups of a process', () => {
  it('are named after the units to which it belongs', () => {
    expect(parseControlGroups('1:name=systemd:/\n0::/system.slice/system-acme.slice/acme@1.service\n')).toEqual(
      new Set(['', 'system.slice', 'system-acme.slice', 'acme@1.service']),
    )
  })
})
