import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { CHECKOUT, GUEST_CHECKOUT } from './checkout.ts'
import type { ZfsGuest } from './zfs-guest.ts'

/** What npm installed is on the guest's disk from the beginning; the others are made from the sources. */
const LEFT_OUT = ['node_modules', '.git', 'dist', 'build', 'coverage', 'test/vm/logs']

/** Replaces the sources in the guest with those of the checkout as they are now, two to three MiB. */
export async function sendCheckout(guest: ZfsGuest): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'belay-checkout-'))
  try {
    const archive = join(directory, 'sources.tar')
    const excludes = LEFT_OUT.map((path) => `--exclude=./${path}`)
    await runTool('/usr/bin/tar', ['--create', '--file', archive, '--directory', CHECKOUT, ...excludes, '.'])
    await guest.put(archive, '/run/sources.tar')
  } finally {
    await rm(directory, { recursive: true })
  }
  await guest.must(`cd ${GUEST_CHECKOUT}
    find . -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
    tar -xf /run/sources.tar --no-same-owner && rm /run/sources.tar`)
}
