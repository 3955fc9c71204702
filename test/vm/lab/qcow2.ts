import { runTool } from '../../../demo/run-tool.ts'

export const QEMU_IMG = '/usr/bin/qemu-img'

/** Makes a raw image into one that holds only what is not zero. */
export async function convertToQcow2(raw: string, path: string): Promise<void> {
  await runTool(QEMU_IMG, ['convert', '-f', 'raw', '-O', 'qcow2', raw, path])
}

/** Makes a qcow2 into a raw image, with a hole for what is zero. */
export async function convertToRaw(qcow2: string, path: string): Promise<void> {
  await runTool(QEMU_IMG, ['convert', '-f', 'qcow2', '-O', 'raw', qcow2, path])
}

/** A disk that begins as the image and keeps what is written to itself. */
export async function makeOverlay(image: string, path: string, format: 'qcow2' | 'raw' = 'qcow2'): Promise<void> {
  await runTool(QEMU_IMG, ['create', '-q', '-f', 'qcow2', '-F', format, '-b', image, path])
}
