import { z } from 'zod'

/**
 * A unit that can be stopped and started again: characters, length and kinds as of systemd.unit(5). A template (`name@.service`) is none, and neither are
 * patterns, which systemctl would expand.
 */
export const UnitName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]*\.(?:service|socket|timer|path|target)$/, 'must be a unit of systemd in full, such as acme-gateway.service')
  .refine((name) => !/@\.[a-z]+$/.test(name), 'must not be a template: name its instance, such as acme@1.service')
