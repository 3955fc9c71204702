import { UsageError } from '../errors.ts'

/**
 * A package as an operator names it: name, architecture, version. Names as in Debian policy 5.6.1, versions as in 5.6.12; a name may not end in a
 * hyphen, because apt reads that as "remove".
 */
const REQUEST = /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?::[a-z0-9-]*[a-z0-9])?(?:=[0-9][A-Za-z0-9.+:~-]*)?$/

export interface PackageRequest {
  readonly name: string
  readonly arch: string | null
  readonly version: string | null
}

/** @throws UsageError for anything that apt could read as an option, a removal, a task or a pattern. */
export const parsePackageRequest = (text: string): PackageRequest => {
  if (!REQUEST.test(text)) {
    throw new UsageError(`${JSON.stringify(text)} is not a package`, {
      next: ['name packages as NAME, NAME:ARCHITECTURE or NAME=VERSION'],
      data: { package: text },
    })
  }
  const [qualified = '', version = null] = text.split('=', 2)
  const [name = '', arch = null] = qualified.split(':', 2)
  return { name, arch, version }
}
