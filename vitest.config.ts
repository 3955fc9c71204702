import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // oclif's tests read what a command prints; vitest's interception would swallow it.
    disableConsoleIntercept: true,
    restoreMocks: true,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        // Real filesystems on loop devices, mounts and packages: as root, one file after the other.
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], fileParallelism: false, testTimeout: 120_000, hookTimeout: 300_000 },
      },
      {
        extends: true,
        // The power fails at writes that were recorded: two or three minutes for the sample, hours for all of them.
        test: { name: 'power-cuts', include: ['test/power-cuts/**/*.test.ts'], fileParallelism: false, testTimeout: 24 * 3_600_000, hookTimeout: 600_000 },
      },
      {
        extends: true,
        // Debian 12 to 13 from Debian's own archives: minutes of work and hundreds of megabytes.
        test: { name: 'release', include: ['test/release/**/*.test.ts'], fileParallelism: false, testTimeout: 120_000, hookTimeout: 300_000 },
      },
      {
        extends: true,
        // Real pools; where the kernel has OpenZFS, which test/vm/zfs brings about. An emulated machine is slow.
        test: { name: 'zfs', include: ['test/zfs/**/*.test.ts'], fileParallelism: false, testTimeout: 3 * 3_600_000, hookTimeout: 300_000 },
      },
      // As integration, hundreds of times over: half an hour and more.
      { extends: true, test: { name: 'long-life', include: ['test/long-life/**/*.test.ts'], fileParallelism: false, hookTimeout: 300_000 } },
      // Machines in QEMU, each a scenario of its own with its own time limits.
      { extends: true, test: { name: 'vm', include: ['test/vm/**/*.test.ts'], fileParallelism: false } },
    ],
  },
})
