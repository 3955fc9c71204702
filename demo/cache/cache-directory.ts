/** Where root archives, downloads and images are kept between runs: $BELAY_CACHE, or a directory under /var/cache. */
export function cacheDirectoryOf(environment: Readonly<Record<string, string | undefined>>): string {
  const chosen = environment['BELAY_CACHE']
  return chosen === undefined || chosen === '' ? '/var/cache/belay-lab' : chosen
}
