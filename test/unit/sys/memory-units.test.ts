import { MemoryUnits } from '../../fakes/memory-units.ts'
import { SCENE, describeUnitsContract } from '../../contract/units-contract.ts'

describeUnitsContract('MemoryUnits', () =>
  Promise.resolve({
    units: new MemoryUnits({
      [SCENE.gateway]: { enabled: true },
      [SCENE.ui]: { enabled: true, needs: [SCENE.gateway] },
      [SCENE.idle]: {},
      [SCENE.broken]: { broken: true },
      [SCENE.stubborn]: { enabled: true, stubborn: true },
    }),
    release: () => Promise.resolve(),
  }),
)
