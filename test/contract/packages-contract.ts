import { afterEach, describe, expect, it } from 'vitest'
import { BelayError, ChangedError, FailedError, LockedError, NotFoundError, RefusedError, UsageError } from '../../src/errors.ts'
import { DEFAULTS_INDEX, KeptDefaults } from '../../src/pkg/kept-defaults.ts'
import type { ConffileOutcome, DebconfAnswer, PackageRun, PackageWork, Packages, StagedPackages } from '../../src/pkg/packages.ts'
import { moveSources } from '../../src/pkg/release/move-sources.ts'
import { inverseOfChange, type SourceFileChange } from '../../src/pkg/release/source-change.ts'
import { GATEWAY_CONF, GATEWAY_FORMAT, GATEWAY_MODE } from './packages-catalogue.ts'

export interface PackagesSetup {
  /** `name=version` of the catalogue. */
  readonly installed: readonly string[]
  readonly policy?: { readonly conffiles: 'keep' | 'new'; readonly debconf: readonly DebconfAnswer[] }
}

/** A machine on which packages are changed, and what can happen to it. */
export interface PackagesUnderTest {
  readonly packages: Packages
  /** Absolute paths inside its root. */
  read(path: string): Promise<string | null>
  write(path: string, text: string): Promise<void>
  remove(path: string): Promise<void>
  /** A directory outside of its root, for defaults to be kept in. */
  readonly outside: { readonly directory: string; read(path: string): Promise<string | null> }
  /** Take a version out of the archive, so that the next refresh does not find it. */
  withdraw(name: string, version: string): Promise<void>
  /** The archive does not answer any more. */
  disconnect(): Promise<void>
  /** Leave dpkg as a power cut does between two of its status changes. */
  interruptDpkg(): Promise<void>
  /** Another process takes dpkg's lock. @returns its pid */
  holdLock(): Promise<number>
  release(): Promise<void>
}

/** Where a machine under test has a source that names a release, beside the flat archive that names none. */
export const SUITE_SOURCES = '/etc/apt/sources.list'
export const suiteSources = (url: string): string => `# caf\u00e9\n  deb [trusted=yes]  ${url} bookworm/ # as installed\n`

const quietly = (): PackageWork => ({ onProgress: () => undefined, signal: new AbortController().signal })

const failureOf = async (work: Promise<unknown>): Promise<BelayError> => {
  const error: unknown = await work.then(
    () => null,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(BelayError)
  return error as BelayError
}

/** What every implementation of Packages promises. */
export function describePackagesContract(name: string, prepare: (setup: PackagesSetup) => Promise<PackagesUnderTest>): void {
  describe(`${name} keeps the contract of Packages`, () => {
    const opened: PackagesUnderTest[] = []
    const machineWith = async (installed: readonly string[], policy?: PackagesSetup['policy']): Promise<PackagesUnderTest> => {
      const machine = await prepare(policy === undefined ? { installed } : { installed, policy })
      opened.push(machine)
      return machine
    }

    afterEach(async () => {
      for (const machine of opened.splice(0)) await machine.release()
    })

    /** Plan and download, as every upgrade begins. */
    const ready = async ({ packages }: PackagesUnderTest, requested: readonly string[] = []): Promise<readonly PackageRun[]> => {
      const runs = await packages.order(await packages.simulate(requested))
      await packages.download(runs, quietly())
      return runs
    }

    const upgraded = async (machine: PackagesUnderTest, conffiles: 'keep' | 'new', requested: readonly string[] = []): Promise<ConffileOutcome[]> => {
      const outcomes: ConffileOutcome[] = []
      for (const run of await ready(machine, requested))
        await machine.packages.apply(run, conffiles, { ...quietly(), onConffile: (outcome) => outcomes.push(outcome) })
      await machine.packages.verify()
      return outcomes
    }

    const acmeVersions = async ({ packages }: PackagesUnderTest): Promise<Record<string, string>> =>
      Object.fromEntries((await packages.installed()).filter((entry) => entry.name.includes('acme')).map((entry) => [entry.name, entry.version]))

    describe('plans', () => {
      it('a whole upgrade as apt would do it', async () => {
        const machine = await machineWith(['acme-tool=1', 'acme-lib=1', 'acme-new=1', 'acme-dependency=1'])
        const simulation = await machine.packages.simulate([])
        expect(simulation.changes.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
          { name: 'acme-lib', arch: 'all', from: '1', to: '2', action: 'upgrade' },
          { name: 'acme-tool', arch: 'all', from: '1', to: '2', action: 'upgrade' },
        ])
        expect(simulation.keptBack).toEqual([])
        expect(simulation.downloadBytes).toBeGreaterThan(0)
      })

      it('nothing when all is as new as the archive', async () => {
        const { packages } = await machineWith(['acme-lib=2'])
        expect(await packages.simulate([])).toEqual({ changes: [], keptBack: [], downloadBytes: 0, diskBytes: 0, unpackedBytes: 0 })
        expect(await packages.order(await packages.simulate([]))).toEqual([])
      })

      it('one package with what it drags along, and leaves the rest', async () => {
        const { packages } = await machineWith(['acme-tool=1', 'acme-lib=1', 'grub-acme=1'])
        const { changes } = await packages.simulate(['acme-lib'])
        expect(changes.map((change) => change.name).sort()).toEqual(['acme-lib', 'acme-tool'])
      })

      it('the version that was named, older ones included', async () => {
        const { packages } = await machineWith(['acme-lib=2'])
        expect((await packages.simulate(['acme-lib=1'])).changes).toEqual([{ name: 'acme-lib', arch: 'all', from: '2', to: '1', action: 'downgrade' }])
      })

      it('a new package, and marks as automatic what only it needs', async () => {
        const { packages } = await machineWith([])
        const { changes } = await packages.simulate(['acme-new'])
        expect(changes.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
          { name: 'acme-dependency', arch: 'all', from: null, to: '1', action: 'install', automatic: true },
          { name: 'acme-new', arch: 'all', from: null, to: '1', action: 'install' },
        ])
      })

      it('the removal of what stands in the way of a package that was named', async () => {
        const machine = await machineWith(['acme-tool=1', 'acme-lib=1'])
        const { changes } = await machine.packages.simulate(['acme-rival'])
        expect(changes.find((change) => change.name === 'acme-tool')).toEqual({ name: 'acme-tool', arch: 'all', from: '1', to: null, action: 'remove' })
        await upgraded(machine, 'keep', ['acme-rival'])
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1', 'acme-rival': '1' })
      })

      it('refuses a package or version that nobody has, naming it', async () => {
        const { packages } = await machineWith(['acme-lib=1'])
        const unknown = await failureOf(packages.simulate(['acme-nowhere']))
        expect(unknown).toBeInstanceOf(NotFoundError)
        expect(unknown.message).toContain('acme-nowhere')
        const version = await failureOf(packages.simulate(['acme-lib=9']))
        expect(version).toBeInstanceOf(NotFoundError)
        expect(version.message).toContain('version 9 of acme-lib')
        expect(await failureOf(packages.simulate(['acme.lib']))).toBeInstanceOf(NotFoundError)
      })

      it.each(['--allow-unauthenticated', '-o=x', 'acme-lib-', 'acme-*', 'acme-lib=2 acme-tool', '', 'task^', 'acme-lib/stable', 'ACME'])(
        'refuses %j, which is no package',
        async (text) => {
          const { packages } = await machineWith([])
          expect(await failureOf(packages.simulate([text]))).toBeInstanceOf(UsageError)
        },
      )
    })

    describe('orders', () => {
      const labelsAndNames = (runs: readonly PackageRun[]) => runs.map((run) => [run.label, run.packages.map((change) => change.name).sort()])

      it('boot loader before kernel before the rest', async () => {
        const { packages } = await machineWith(['acme-lib=1', 'linux-image-acme=1', 'grub-acme=1'])
        expect(labelsAndNames(await packages.order(await packages.simulate([])))).toEqual([
          ['boot loader', ['grub-acme']],
          ['kernel', ['linux-image-acme']],
          ['application and the rest', ['acme-lib']],
        ])
      })

      it('what the solver cannot keep apart in one run', async () => {
        const machine = await machineWith(['acme-lib=1', 'linux-image-bound=1', 'grub-acme=1'])
        expect(labelsAndNames(await machine.packages.order(await machine.packages.simulate([])))).toEqual([
          ['boot loader', ['grub-acme']],
          ['kernel, application and the rest', ['acme-lib', 'linux-image-bound']],
        ])
        await upgraded(machine, 'keep')
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '2', 'grub-acme': '2' })
      })
    })

    describe('upgrades', () => {
      it('to exactly the planned versions, with progress that rises', async () => {
        const machine = await machineWith(['acme-tool=1', 'acme-lib=1', 'grub-acme=1'])
        const runs = await ready(machine, ['acme-tool'])
        const seen: number[] = []
        for (const run of runs) await machine.packages.apply(run, 'keep', { ...quietly(), onProgress: (fraction) => seen.push(fraction) })
        await machine.packages.verify()
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '2', 'acme-tool': '2', 'grub-acme': '1' })
        expect(seen.length).toBeGreaterThan(2)
        expect(seen).toEqual(seen.toSorted((a, b) => a - b))
        expect(Math.min(...seen)).toBeGreaterThanOrEqual(0)
        expect(Math.max(...seen)).toBeLessThanOrEqual(1)
      })

      it('and has everything in order before and after', async () => {
        const machine = await machineWith(['acme-lib=1'])
        expect(await machine.packages.state()).toEqual({ problems: [], lockHolder: null })
        await upgraded(machine, 'keep')
        expect(await machine.packages.state()).toEqual({ problems: [], lockHolder: null })
        expect(await machine.packages.rebootRequired()).toBe(false)
      })

      it('not without the archive: nothing is changed, and the URI is named', async () => {
        const machine = await machineWith(['acme-lib=1'])
        const runs = await machine.packages.order(await machine.packages.simulate([]))
        await machine.disconnect()
        for (const work of [() => machine.packages.refresh(quietly()), () => machine.packages.download(runs, quietly())]) {
          const error = await failureOf(work())
          expect(error).toMatchObject({
            code: 'archive-unreachable',
            exitCode: 20,
            data: { rebootRequired: false, uri: expect.stringContaining('http://127.0.0.1') as unknown },
          })
          expect(error.next.length).toBeGreaterThan(0)
        }
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1' })
      })

      it('not when a planned version has gone from the archive', async () => {
        const machine = await machineWith(['acme-lib=1'])
        const runs = await machine.packages.order(await machine.packages.simulate([]))
        await machine.withdraw('acme-lib', '2')
        await machine.packages.refresh(quietly())
        expect(await failureOf(machine.packages.download(runs, quietly()))).toBeInstanceOf(ChangedError)
        const [run] = runs
        const error = await failureOf(machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', quietly()))
        expect(error).toBeInstanceOf(ChangedError)
        expect(error.data['dpkgBegan']).toBe(false)
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1' })
      })

      it('not when a run would now touch another package than planned', async () => {
        const machine = await machineWith(['acme-tool=1', 'acme-lib=1'])
        const runs = await ready(machine)
        const alone = { label: 'library alone', packages: (runs[0]?.packages ?? []).filter((change) => change.name === 'acme-lib') }
        const error = await failureOf(machine.packages.apply(alone, 'keep', quietly()))
        expect(error).toBeInstanceOf(ChangedError)
        expect(error.data['dpkgBegan']).toBe(false)
      })
    })

    describe('answers for the operator', () => {
      const policy = (conffiles: 'keep' | 'new') => ({ conffiles, debconf: [] })

      it.each([
        ['keep', 'kept', 'port = mine\n'],
        ['new', 'replaced', 'port = 2\n'],
      ] as const)('a configuration file changed here and there: policy %s means %s', async (answer, outcome, content) => {
        const machine = await machineWith(['acme-gateway=1'], policy(answer))
        await machine.write(GATEWAY_CONF, 'port = mine\n')
        const { decisions } = await machine.packages.decide(await ready(machine))
        expect(decisions.filter((decision) => decision.subject.startsWith('/'))).toEqual([
          { subject: GATEWAY_CONF, answer, why: expect.stringContaining('changed here and by acme-gateway 2') as unknown },
        ])
        expect(await upgraded(machine, answer)).toEqual([{ path: GATEWAY_CONF, outcome }])
        expect(await machine.read(GATEWAY_CONF)).toBe(content)
      })

      it('a configuration file that nobody touched is replaced without a word', async () => {
        const machine = await machineWith(['acme-gateway=1'])
        const { decisions } = await machine.packages.decide(await ready(machine))
        expect(decisions.filter((decision) => decision.subject.startsWith('/'))).toEqual([])
        expect(await upgraded(machine, 'keep')).toEqual([])
        expect(await machine.read(GATEWAY_CONF)).toBe('port = 2\n')
      })

      it('a configuration file removed here stays removed under keep', async () => {
        const machine = await machineWith(['acme-gateway=1'])
        await machine.remove(GATEWAY_CONF)
        const { decisions } = await machine.packages.decide(await ready(machine))
        expect(decisions.find((decision) => decision.subject === GATEWAY_CONF)?.why).toContain('removed here')
        await upgraded(machine, 'keep')
        expect(await machine.read(GATEWAY_CONF)).toBeNull()
      })

      it('new questions by the default of the package, passwords unseen', async () => {
        const { packages, ...machine } = await machineWith(['acme-gateway=1'])
        const { decisions, answers } = await packages.decide(await ready({ packages, ...machine }))
        expect(answers).toEqual([])
        expect(decisions).toEqual([
          { subject: 'acme-gateway/level', answer: 'info', why: expect.stringContaining('a new question of acme-gateway (How much is logged)') as unknown },
          { subject: 'acme-gateway/secret', answer: '(hidden)', why: expect.stringContaining('a new question') as unknown },
        ])
      })

      it('questions as policy says, and the packages see the answer', async () => {
        const debconf = [
          { package: 'acme-gateway', question: 'acme-gateway/mode', type: 'select', value: 'router' },
          { package: 'acme-gateway', question: 'acme-gateway/secret', type: 'password', value: 'canary-4711' },
          { package: 'acme-elsewhere', question: 'acme-elsewhere/x', type: 'string', value: 'y' },
        ]
        const machine = await machineWith(['acme-gateway=1'], { conffiles: 'keep', debconf })
        expect(await machine.read(GATEWAY_MODE)).toBe('bridge\n')
        const { decisions, answers } = await machine.packages.decide(await ready(machine))
        expect(answers).toEqual(debconf.slice(0, 2))
        expect(decisions.map(({ subject, answer }) => [subject, answer])).toEqual([
          ['acme-gateway/mode', 'router'],
          ['acme-gateway/secret', '(hidden)'],
          ['acme-gateway/level', 'info'],
        ])
        expect(JSON.stringify(decisions)).not.toContain('canary-4711')
        await machine.packages.preseed(answers)
        await upgraded(machine, 'keep')
        expect(await machine.read(GATEWAY_MODE)).toBe('router\n')
      })
    })

    describe('looks into packages before they are installed', () => {
      it('at a file as it will be, and finds none that nobody ships', async () => {
        const machine = await machineWith(['acme-gateway=1', 'grub-acme=1'])
        const runs = await ready(machine)
        expect(await machine.packages.fileAfter(runs, GATEWAY_FORMAT)).toBe('2.0.0\n')
        expect(await machine.packages.fileAfter(runs, '/usr/share/nobody')).toBeNull()
        expect(await machine.read(GATEWAY_FORMAT)).toBe('1.0.0\n')
      })

      it('and keeps their pristine configuration aside, with an index', async () => {
        const machine = await machineWith(['acme-gateway=1', 'grub-acme=1'])
        await machine.write(GATEWAY_CONF, 'port = mine\n')
        const runs = await ready(machine)
        const directory = `${machine.outside.directory}/defaults`
        await machine.packages.keepDefaults(runs, directory)
        await machine.packages.keepDefaults(runs, directory)
        expect(await machine.outside.read(`${directory}/acme-gateway${GATEWAY_CONF}`)).toBe('port = 2\n')
        const index = KeptDefaults.parse(JSON.parse((await machine.outside.read(`${directory}/${DEFAULTS_INDEX}`)) ?? ''))
        expect(index.packages['acme-gateway']).toMatchObject({ version: '2', files: [{ path: GATEWAY_CONF }, { path: '/etc/acme/unchanged.conf' }] })
        expect(index.packages['grub-acme']).toMatchObject({ files: [] })
        expect(await machine.read(GATEWAY_CONF)).toBe('port = mine\n')
      })
    })

    describe('upgrades a release', () => {
      const RELEASE = ['acme-release=12', 'acme-obsolete=12', 'acme-lib=1']
      const owner = { pid: 4711, startTime: '1', isAlive: () => Promise.resolve(true) }

      const stagedOn = async ({ packages }: PackagesUnderTest): Promise<{ staged: StagedPackages; changes: readonly SourceFileChange[] }> => {
        const { sources } = await packages.releaseFacts()
        const { changes } = moveSources(sources, 'bookworm', 'trixie')
        const staged = await packages.stageSources(changes, owner)
        await staged.refresh(quietly())
        return { staged, changes }
      }

      it('with the lists of the next one, removals included, and leaves the machine as it is meanwhile', async () => {
        const machine = await machineWith(RELEASE)
        const sources = await machine.read(SUITE_SOURCES)
        const { staged } = await stagedOn(machine)
        const { changes } = await staged.simulate([])
        expect(changes.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
          { name: 'acme-lib', arch: 'all', from: '1', to: '2', action: 'upgrade' },
          { name: 'acme-obsolete', arch: 'all', from: '12', to: null, action: 'remove' },
          { name: 'acme-release', arch: 'all', from: '12', to: '13', action: 'upgrade' },
          { name: 'acme-release-data', arch: 'all', from: null, to: '13', action: 'install', automatic: true },
        ])
        expect((await machine.packages.simulate([])).changes.map((change) => change.name)).toEqual(['acme-lib'])
        expect(await machine.read(SUITE_SOURCES)).toBe(sources)
        await staged.discard()
        await staged.discard()
        expect((await machine.packages.simulate([])).changes.map((change) => change.name)).toEqual(['acme-lib'])
      })

      it('once the sources are in place, and finds nothing more to do then', async () => {
        const machine = await machineWith(RELEASE)
        const { staged, changes } = await stagedOn(machine)
        const runs = await staged.order(await staged.simulate([]))
        await staged.keepLists()
        await staged.download(runs, quietly())
        expect(await staged.fileAfter(runs, GATEWAY_FORMAT)).toBeNull()
        await staged.changeSources(changes)
        for (const run of runs) await staged.apply(run, 'keep', quietly())
        await staged.verify()
        await staged.discard()
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '2', 'acme-release': '13', 'acme-release-data': '13' })
        expect((await machine.packages.simulate([])).changes).toEqual([])
        expect(await machine.read(SUITE_SOURCES)).toContain(' trixie/ # as installed\n')
      })

      it('and has the sources back as they were', async () => {
        const machine = await machineWith(RELEASE)
        const sources = await machine.read(SUITE_SOURCES)
        const { staged, changes } = await stagedOn(machine)
        await staged.keepLists()
        // As often as a run is cut and taken up again.
        for (const wanted of [changes, changes, changes.map(inverseOfChange), changes.map(inverseOfChange)]) await machine.packages.changeSources(wanted)
        expect(await machine.read(SUITE_SOURCES)).toBe(sources)
        expect((await machine.packages.simulate([])).changes.map((change) => change.name)).toEqual(['acme-lib'])
        await staged.discard()
      })

      it('not when somebody changed the sources meanwhile', async () => {
        const machine = await machineWith(RELEASE)
        const { changes, staged } = await stagedOn(machine)
        await staged.discard()
        await machine.write(SUITE_SOURCES, '# empty\n')
        const error = await failureOf(machine.packages.changeSources(changes))
        expect(error).toBeInstanceOf(ChangedError)
        expect(await machine.read(SUITE_SOURCES)).toBe('# empty\n')
      })

      it('not without its archive', async () => {
        const machine = await machineWith(RELEASE)
        const { sources } = await machine.packages.releaseFacts()
        await machine.disconnect()
        const staged = await machine.packages.stageSources(moveSources(sources, 'bookworm', 'trixie').changes, owner)
        expect(await failureOf(staged.refresh(quietly()))).toMatchObject({ code: 'archive-unreachable', data: { rebootRequired: false } })
        await staged.discard()
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1', 'acme-obsolete': '12', 'acme-release': '12' })
      })
    })

    describe('when something goes wrong', () => {
      it('a failing maintainer script is named, and what it left has a remedy', async () => {
        const machine = await machineWith(['acme-broken=1'])
        const [run] = await ready(machine)
        const error = await failureOf(machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', quietly()))
        expect(error).toBeInstanceOf(FailedError)
        expect(error).toMatchObject({
          code: 'packages-failed',
          exitCode: 20,
          data: { dpkgBegan: true, rebootRequired: true, errors: [{ package: 'acme-broken' }] },
        })
        expect(error.message).toContain('acme-broken')
        const { problems } = await machine.packages.state()
        expect(problems).toEqual([
          {
            code: 'half-configured',
            text: expect.stringContaining('acme-broken') as unknown,
            remedy: expect.stringMatching(/dpkg --configure -a$/) as unknown,
          },
        ])
        expect(await failureOf(machine.packages.verify())).toMatchObject({ code: 'packages-broken' })
      })

      it('an interrupted dpkg is seen, and nothing is begun on top of it', async () => {
        const machine = await machineWith(['acme-lib=1'])
        const [run] = await ready(machine)
        await machine.interruptDpkg()
        expect((await machine.packages.state()).problems).toEqual([
          { code: 'interrupted', text: 'dpkg was interrupted', remedy: expect.stringMatching(/dpkg --configure -a$/) as unknown },
        ])
        const error = await failureOf(machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', quietly()))
        expect(error).toBeInstanceOf(RefusedError)
        expect(error.data['dpkgBegan']).toBe(false)
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1' })
      })

      it('another process with the lock is named and not waited for', async () => {
        const machine = await machineWith(['acme-lib=1'])
        const [run] = await ready(machine)
        const pid = await machine.holdLock()
        const state = await machine.packages.state()
        expect(state.lockHolder).toBe(pid)
        expect(state.problems).toEqual([
          { code: 'locked', text: expect.stringContaining(String(pid)) as unknown, remedy: expect.stringContaining(`--pid=${String(pid)}`) as unknown },
        ])
        const error = await failureOf(machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', quietly()))
        expect(error).toBeInstanceOf(LockedError)
        expect(error.data['dpkgBegan']).toBe(false)
      })

      it('an abort before the first step changes nothing', async () => {
        const machine = await machineWith(['acme-lib=1'])
        const [run] = await ready(machine)
        const error = await failureOf(machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', { ...quietly(), signal: AbortSignal.abort() }))
        expect(error).toMatchObject({ code: 'interrupted', data: { dpkgBegan: false, rebootRequired: false } })
        expect(await failureOf(machine.packages.download(run === undefined ? [] : [run], { ...quietly(), signal: AbortSignal.abort() }))).toMatchObject({
          code: 'interrupted',
        })
        expect(await acmeVersions(machine)).toEqual({ 'acme-lib': '1' })
      })

      it('an abort while a maintainer script runs lets it end: nothing is half done', async () => {
        const machine = await machineWith(['acme-slow=1'])
        const [run] = await ready(machine)
        const abort = new AbortController()
        const onProgress = (_fraction: number, text: string): void => {
          if (text.startsWith('Configuring acme-slow')) abort.abort()
        }
        await machine.packages.apply(run ?? { label: '', packages: [] }, 'keep', { onProgress, signal: abort.signal })
        expect(abort.signal.aborted).toBe(true)
        expect(await acmeVersions(machine)).toEqual({ 'acme-slow': '2' })
        await machine.packages.verify()
      })
    })
  })
}
