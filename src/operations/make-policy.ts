import { stringify } from 'yaml'
import { defaultPolicy, type Policy, parsePolicy } from '../policy/policy.ts'
import type { Files } from '../sys/ports.ts'

interface PolicyRequest {
  readonly file: string | null
  readonly config: readonly string[]
  readonly inRoot: readonly string[]
  readonly dataFormat: string | null
  readonly important: readonly string[]
}

/** The config.yaml that init writes: a given file as it is, or the defaults with what the command line named. @throws InvalidFileError */
export const makePolicy = async (files: Files, request: PolicyRequest): Promise<{ readonly text: string; readonly policy: Policy }> => {
  if (request.file !== null) {
    const text = await files.readText(request.file)
    return { text, policy: parsePolicy(text, request.file) }
  }
  const defaults = defaultPolicy()
  const text = `# What belay does on this machine; docs/operators-guide.md names every key.\n${stringify({
    ...defaults,
    config: request.config,
    inRoot: request.inRoot,
    packages: { ...defaults.packages, important: [...defaults.packages.important, ...request.important], dataFormat: request.dataFormat },
  })}`
  return { text, policy: parsePolicy(text, 'the command line') }
}
