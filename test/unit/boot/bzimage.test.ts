import { describe, expect, it } from 'vitest'
import { parseKernelImage } from '../../../src/boot/bzimage.ts'
import { printingKernel } from '../../integration/boot/printing-kernel.ts'

const kernel = printingKernel('6.12.107+deb13-amd64')

describe('a kernel file', () => {
  it('tells its version', () => {
    expect(parseKernelImage(kernel)).toEqual({ format: 'bzimage', version: '6.12.107+deb13-amd64' })
  })

  it('is not one when it is something else, or when its header is cut', () => {
    expect(parseKernelImage(Buffer.alloc(4096))).toBeNull()
    expect(parseKernelImage(Buffer.from('#!/bin/sh\n'))).toBeNull()
    for (const length of [0, 0x202, 0x206, 0x20f, 0x400, 0x410]) expect(parseKernelImage(kernel.subarray(0, length))).toBeNull()
  })

  it('has no readable version on arm64', () => {
    const image = Buffer.alloc(128)
    image.write('ARM\x64', 0x38, 'latin1')
    expect(parseKernelImage(image)).toEqual({ format: 'arm64' })
  })
})
