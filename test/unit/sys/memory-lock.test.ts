import { describeLockContract } from '../../contract/lock-contract.ts'
import { MemoryLock } from '../../fakes/memory-lock.ts'

const actor = { uid: 0, user: 'operator', pid: 4242, startTime: '100', terminal: false }

describeLockContract('MemoryLock', () => Promise.resolve({ lock: new MemoryLock(), path: '/run/belay/lock', actor }))
