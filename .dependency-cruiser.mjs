// The directions of docs/architecture.md: dependencies point down, and only the composition root knows adapters.
const ADAPTERS =
  '^src/sys/(files-node|runner-execa|lock-flock|log-pino|clock-system|actor-process|settler|power-systemd|units-systemd|system-journal|foreign-programs)\\.ts$|^src/snap/(btrfs|zfs)/[^/]*-driver\\.ts$|^src/pkg/apt/'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'nothing-imports-commands', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^src/commands/' } },
    {
      name: 'commands-call-operations',
      comment: 'A command parses, calls one use case through the runtime and renders.',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/(snap|boot|pkg|policy|sys)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-runtime-imports-adapters',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/((runtime|open-driver)\\.ts$|sys/|snap/(btrfs|zfs)/|pkg/apt/)' },
      to: { path: ADAPTERS, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sys-stands-alone',
      severity: 'error',
      from: { path: '^src/sys/' },
      to: { path: '^src/', pathNot: '^src/(sys/|(errors|exit-codes|octal-escape|path-within)\\.ts$)' },
    },
    {
      name: 'planning-is-pure',
      comment: 'Plans are made of data: nothing that runs tools, keeps files or drives a pool.',
      severity: 'error',
      from: { path: '^src/snap/(plan/|model\\.ts$|names\\.ts$)' },
      to: {
        path: '^src/(sys|operations|view|commands)/|^src/snap/(btrfs|zfs|effects)/|^src/snap/(executor|journal|index-store|manifest-store)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'pkg-and-boot-know-only-names',
      comment: 'Packages and boot know the names and records of snap, and nothing of each other but types.',
      severity: 'error',
      from: { path: '^src/(pkg|boot)/' },
      to: { path: '^src/(pkg|boot|snap|operations|view)/', pathNot: ['^src/$1/', '^src/snap/(names|model)\\.ts$'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'snap-points-down',
      severity: 'error',
      from: { path: '^src/snap/' },
      to: { path: '^src/(operations|view|commands)/' },
    },
    {
      name: 'drivers-are-apart',
      severity: 'error',
      from: { path: '^src/snap/(btrfs|zfs)/' },
      to: { path: '^src/snap/(btrfs|zfs)/', pathNot: '^src/snap/$1/' },
    },
    {
      name: 'view-imports-types-only',
      severity: 'error',
      from: { path: '^src/view/' },
      to: { path: '^src/(snap|boot|pkg|policy|operations|sys)/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'execa-in-its-adapter', severity: 'error', from: { path: '^src/', pathNot: '^src/sys/runner-execa\\.ts$' }, to: { path: 'node_modules/execa/' } },
    { name: 'pino-in-its-adapter', severity: 'error', from: { path: '^src/', pathNot: '^src/sys/log-pino\\.ts$' }, to: { path: 'node_modules/pino/' } },
    { name: 'sources-import-no-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|tools|demo|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'default', 'types'], exportsFields: ['exports'] },
  },
}
