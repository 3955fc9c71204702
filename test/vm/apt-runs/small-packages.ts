import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildArchive } from '../../../demo/vendor/package-source.ts'

/** What unattended-upgrades has a newer version of. */
export const PARTS = Array.from({ length: 20 }, (_, index) => `acme-part-${String(index + 1).padStart(2, '0')}`)
/** One for each front end to install, and one for dpkg. */
export const SINGLES = ['acme-by-apt', 'acme-by-apt-get', 'acme-by-aptitude', 'acme-by-packagekit', 'acme-by-dpkg', 'acme-killed'] as const
/** Its upgrade asks for a reboot, as /usr/share/update-notifier/notify-reboot-required does. */
export const FIRMWARE = 'acme-firmware'
/** Its installation does not end before the machine does. */
export const ENDLESS = 'acme-endless'
/** A pipe, to be made by whoever installs ENDLESS: its configuration says here that it has begun. */
export const ENDLESS_PIPE = '/run/acme-endless'

const POSTINST: Readonly<Record<string, string>> = {
  [FIRMWARE]: `[ -n "$2" ] || exit 0; echo '*** System restart required ***' >/run/reboot-required; echo ${FIRMWARE} >>/run/reboot-required.pkgs`,
  [ENDLESS]: `echo begun >${ENDLESS_PIPE}; exec sleep infinity`,
}

const SOURCES: readonly { readonly name: string; readonly versions: readonly string[] }[] = [
  ...PARTS.map((name) => ({ name, versions: ['1', '2'] })),
  ...[...SINGLES, ENDLESS].map((name) => ({ name, versions: ['1'] })),
  { name: FIRMWARE, versions: ['1', '2', '3', '4', '5'] },
]

/** What the packages are made of, for the key of a cache. */
export const SMALL_PACKAGES = { SOURCES, POSTINST }

/**
 * Builds packages that hold one file each.
 * @param staging a missing directory
 * @param into an existing directory for the .deb files
 */
export const buildSmallPackages = async (staging: string, into: string): Promise<void> => {
  for (const { name, versions } of SOURCES)
    for (const version of versions) {
      const tree = join(staging, `${name}_${version}`)
      await mkdir(join(tree, 'DEBIAN'), { recursive: true })
      await mkdir(join(tree, 'usr/share', name), { recursive: true })
      await writeFile(join(tree, 'usr/share', name, 'version'), `${version}\n`)
      const control = { Package: name, Version: version, Architecture: 'all', Maintainer: 'Acme <packages@acme.example>', Description: `${name} of Acme` }
      await writeFile(
        join(tree, 'DEBIAN/control'),
        Object.entries(control)
          .map(([field, value]) => `${field}: ${value}\n`)
          .join(''),
      )
      const postinst = POSTINST[name]
      if (postinst !== undefined) {
        await writeFile(join(tree, 'DEBIAN/postinst'), `#!/bin/sh\nset -e\n${postinst}\n`)
        await chmod(join(tree, 'DEBIAN/postinst'), 0o755)
      }
      await buildArchive(tree, join(into, `${name}_${version}_all.deb`))
    }
}
