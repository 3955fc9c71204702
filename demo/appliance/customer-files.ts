import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const CUSTOMER_FILES = { customerFiles: 4, customerFileBytes: 2 * 1024 * 1024 } as const

/** What the appliance's owner put on it: the same bytes in every appliance, and none that compress. */
export async function writeCustomerFiles(root: string): Promise<void> {
  await mkdir(join(root, 'home/customer'), { recursive: true })
  await writeFile(join(root, 'home/customer/notes.txt'), 'Pump b runs hot after noon. Ask for the new valve before winter.\n')
  await mkdir(join(root, 'srv/files'), { recursive: true })
  for (let number = 1; number <= CUSTOMER_FILES.customerFiles; number++) {
    const blocks = Array.from({ length: CUSTOMER_FILES.customerFileBytes / 32 }, (_, block) =>
      createHash('sha256')
        .update(`${String(number)}:${String(block)}`)
        .digest(),
    )
    await writeFile(join(root, `srv/files/recording-${String(number)}.bin`), Buffer.concat(blocks))
  }
}
