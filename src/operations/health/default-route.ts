/** Flags of a route: include/uapi/linux/route.h, RTF_UP and RTF_REJECT. */
const [UP, REJECT] = [0x1, 0x200]

const isUsable = (flags: number): boolean => (flags & UP) !== 0 && (flags & REJECT) === 0

/** Whether the kernel's tables, /proc/net/route and /proc/net/ipv6_route, have a way out of the machine. */
export const hasDefaultRoute = (ipv4: string, ipv6: string): boolean => {
  const fields = (text: string): string[][] => text.split('\n').map((line) => line.trim().split(/\s+/))
  const of4 = fields(ipv4).some(([, to, , flags, , , , mask]) => to === '00000000' && mask === '00000000' && isUsable(Number.parseInt(flags ?? '', 16)))
  // Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, device.
  const of6 = fields(ipv6).some(
    ([to = '', prefix, , , , , , , flags, device]) => /^0{32}$/.test(to) && prefix === '00' && device !== 'lo' && isUsable(Number.parseInt(flags ?? '', 16)),
  )
  return of4 || of6
}
