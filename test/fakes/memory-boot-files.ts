import { createHash } from 'node:crypto'
import { RefusedError } from '../../src/errors.ts'
import { type BootChoice, nextBoot } from '../../src/boot/boot-choice.ts'
import type { BootFiles } from '../../src/snap/boot-files.ts'
import type { BootSetRecord, Index } from '../../src/snap/model.ts'
import type { BeName } from '../../src/snap/names.ts'
import type { Files } from '../../src/sys/ports.ts'
import type { Lifespan } from './process-death.ts'

interface MemoryBootSet {
  readonly record: BootSetRecord
  readonly vmlinuz: string
  readonly initrd: string
}

/** The GRUB partition: it outlives processes and reboots. */
export class MemoryGrubPartition {
  choice: BootChoice | null = null
  menu: string | null = null
  grubCfgIsOurs = false
  reserve = 0
  /** What libexec/end-trial notes down. */
  endedTrial: BeName | null = null
  readonly bootSets = new Map<BeName, MemoryBootSet>()

  /** What GRUB does when the machine starts: it clears `once`, counts a trial's attempt, and starts what has a boot set. */
  start(): BeName {
    if (this.choice === null) throw new Error('the env block is lost')
    const choice = this.choice
    const { be, why } = nextBoot(choice)
    if (!this.bootSets.has(be)) throw new Error(`GRUB would start ${be}, which has no boot set`)
    if (why === 'once') this.choice = { ...choice, once: null }
    if (why === 'trial') this.choice = { ...choice, attemptsLeft: fewer(choice.attemptsLeft) }
    return be
  }
}

const fewer = (attempts: BootChoice['attemptsLeft']): BootChoice['attemptsLeft'] => (attempts === 3 ? 2 : attempts === 2 ? 1 : 0)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a menu depends on, as far as GRUB itself does not change it. */
const menuOf = (index: Index, choice: BootChoice): string =>
  JSON.stringify([choice.good, index.factory, index.bootEnvironments.map((be) => [be.name, be.standsFor]), index.generations.map(({ id, keep }) => [id, keep])])

/** BootFiles over a MemoryGrubPartition; kernels and initrds are read from the roots' /boot. */
export class MemoryBootFiles implements BootFiles {
  readonly directories = []
  readonly #partition: MemoryGrubPartition
  readonly #files: Files
  readonly #life: Lifespan

  constructor(partition: MemoryGrubPartition, files: Files, life: Lifespan) {
    this.#partition = partition
    this.#files = files
    this.#life = life
  }

  readChoice(): Promise<{ readonly choice: BootChoice | null; readonly problems: readonly string[] }> {
    const { choice } = this.#partition
    return Promise.resolve({ choice, problems: choice === null ? ['the env block is lost'] : [] })
  }

  writeChoice(choice: BootChoice): Promise<void> {
    return this.#change(() => {
      this.#partition.choice = { ...choice }
      if (choice.trial === null || choice.attemptsLeft > 0) this.#partition.endedTrial = null
    })
  }

  forgetEndedTrial(running: BeName): Promise<void> {
    if (this.#partition.endedTrial !== null && this.#partition.endedTrial !== running) this.#partition.endedTrial = null
    return Promise.resolve()
  }

  forgetChoice(): Promise<void> {
    return this.#change(() => {
      this.#partition.choice = null
    })
  }

  writeMenu(index: Index, choice: BootChoice): Promise<void> {
    return this.#change(() => {
      this.#partition.menu = menuOf(index, choice)
    })
  }

  confirmedInMenu(): Promise<BeName | null> {
    const [good] = JSON.parse(this.#partition.menu ?? '[]') as [BeName?]
    return Promise.resolve(good ?? null)
  }

  isMenuCurrent(index: Index, choice: BootChoice): Promise<boolean> {
    return Promise.resolve(this.#partition.menu === menuOf(index, choice))
  }

  async copyBoot(from: string, to: string): Promise<void> {
    for (const name of await this.#files.list(from)) {
      if ((await this.#files.stat(`${from}/${name}`))?.kind === 'file') await this.#files.copy(`${from}/${name}`, `${to}/${name}`, 0o644)
    }
  }

  async buildBootSet(be: BeName, rootDirectory: string): Promise<BootSetRecord> {
    const found = await this.#readBoot(rootDirectory)
    if (found === null) throw new RefusedError('boot-set/no-kernel', `${rootDirectory}/boot holds no kernel with its initrd`)
    await this.#change(() => this.#partition.bootSets.set(be, found))
    return found.record
  }

  async shareBootSet(from: BeName, to: BeName): Promise<BootSetRecord> {
    const found = this.#partition.bootSets.get(from)
    if (found === undefined) throw new RefusedError('boot-set/missing', `${from} has no boot set that could be shared`)
    await this.#change(() => this.#partition.bootSets.set(to, found))
    return found.record
  }

  recordOf(be: BeName): Promise<BootSetRecord | null> {
    return Promise.resolve(this.#partition.bootSets.get(be)?.record ?? null)
  }

  poolFeaturesOf(): Promise<null> {
    return Promise.resolve(null)
  }

  removeBootSet(be: BeName): Promise<void> {
    return this.#change(() => this.#partition.bootSets.delete(be))
  }

  /** A set is changed as a whole here. */
  removeOrphans(): Promise<void> {
    return Promise.resolve()
  }

  async isInStep(be: BeName, rootDirectory: string): Promise<boolean> {
    const set = this.#partition.bootSets.get(be)
    const found = await this.#readBoot(rootDirectory)
    return set !== undefined && found !== null && found.vmlinuz === set.vmlinuz && found.initrd === set.initrd
  }

  faultsOf(be: BeName): Promise<readonly string[]> {
    return Promise.resolve(this.#partition.bootSets.has(be) ? [] : ['the boot set is missing'])
  }

  bootSets(): Promise<readonly BeName[]> {
    return Promise.resolve([...this.#partition.bootSets.keys()].sort())
  }

  readOnlyAt(): Promise<null> {
    return Promise.resolve(null)
  }

  installGrubCfg(): Promise<void> {
    return this.#change(() => {
      this.#partition.grubCfgIsOurs = true
    })
  }

  restoreGrubCfg(): Promise<void> {
    return this.#change(() => {
      this.#partition.grubCfgIsOurs = false
    })
  }

  isGrubCfgOurs(): Promise<boolean> {
    return Promise.resolve(this.#partition.grubCfgIsOurs)
  }

  space(): Promise<{ readonly free: number; readonly total: number }> {
    return Promise.resolve({ free: 2 ** 30, total: 2 ** 31 })
  }

  makeReserve(bytes: number): Promise<void> {
    return this.#change(() => {
      this.#partition.reserve = bytes
    })
  }

  reserved(): Promise<number> {
    return Promise.resolve(this.#partition.reserve)
  }

  releaseReserve(): Promise<void> {
    return this.makeReserve(0)
  }

  /** The newest kernel of a root that has an initrd; versions of the fake sort as text. */
  async #readBoot(rootDirectory: string): Promise<MemoryBootSet | null> {
    const boot = `${rootDirectory}/boot`
    if ((await this.#files.stat(boot)) === null) return null
    const names = await this.#files.list(boot)
    const kernelVersion = names.flatMap((name) => (name.startsWith('vmlinuz-') ? [name.slice('vmlinuz-'.length)] : [])).at(-1)
    if (kernelVersion === undefined || !names.includes(`initrd.img-${kernelVersion}`)) return null
    const vmlinuz = await this.#files.readText(`${boot}/vmlinuz-${kernelVersion}`)
    const initrd = await this.#files.readText(`${boot}/initrd.img-${kernelVersion}`)
    const file = (text: string) => ({ sha256: sha256(text), bytes: Buffer.byteLength(text) })
    return { vmlinuz, initrd, record: { kernelVersion, vmlinuz: file(vmlinuz), initrd: file(initrd), verifiedAt: '2026-11-21T03:00:00.000Z' } }
  }

  #change(change: () => unknown): Promise<void> {
    try {
      this.#life.change()
      change()
      return Promise.resolve()
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
