import { join } from 'node:path'

/** This checkout. */
export const CHECKOUT = join(import.meta.dirname, '../../..')

/** Where the guest has it. */
export const GUEST_CHECKOUT = '/root/belay'
