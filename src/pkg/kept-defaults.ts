import { z } from 'zod'

/** Name of the index in a directory of kept defaults; the files themselves lie at PACKAGE/ABSOLUTE/PATH beside it. */
export const DEFAULTS_INDEX = 'index.json'

/** Which package's pristine configuration files a directory holds. Loose: a newer belay may have written more. */
export const KeptDefaults = z.looseObject({
  format: z.literal(1),
  packages: z.record(
    z.string(),
    z.looseObject({ arch: z.string(), version: z.string(), files: z.array(z.looseObject({ path: z.string(), md5: z.string().regex(/^[0-9a-f]{32}$/) })) }),
  ),
})
export type KeptDefaults = z.infer<typeof KeptDefaults>
