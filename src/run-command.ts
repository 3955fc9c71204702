import type { Appliance } from './operations/appliance.ts'
import type { OperationReport } from './operations/operation-report.ts'
import type { Conversation, OperationResult } from './operations/run-operation.ts'
import type { readRunningFacts } from './operations/read-running-facts.ts'
import type { Policy } from './policy/policy.ts'
import type { loginMessage } from './view/login-message.ts'

interface CommonFlags {
  readonly root: string
  readonly json: boolean
}

interface MutatingFlags extends CommonFlags {
  readonly plan: boolean
  readonly yes: boolean
}

/** Gives a policy other than the one in the root: init has none there yet. */
export type PreparePolicy = (files: Appliance['files']) => Promise<Policy>

/** Open the appliance for one command and let go of it afterwards, whatever happened. */
export const withAppliance = async <Result>(
  flags: CommonFlags,
  work: (appliance: Appliance) => Promise<Result>,
  preparePolicy?: PreparePolicy,
): Promise<Result> => {
  const { openAppliance } = await import('./runtime.ts')
  const { appliance, close } = await openAppliance({ root: flags.root, ...(preparePolicy === undefined ? {} : { preparePolicy }) })
  try {
    return await work(appliance)
  } finally {
    await close()
  }
}

interface LoginParts {
  readonly readRunningFacts: typeof readRunningFacts
  readonly loginMessage: typeof loginMessage
}

/** Bring the login message up to date. What logins are told must not make a failure of what was done. */
export const tellLogins = async (appliance: Appliance, { readRunningFacts: read, loginMessage: textOf }: LoginParts): Promise<void> => {
  try {
    // A machine that was never adopted has nothing to tell.
    if ((await appliance.driver.stateDirectory()) === null) return
    await appliance.loginMessage.write(textOf(await read(appliance)))
  } catch (error) {
    appliance.log.warn('the login message could not be written', { error: String(error) })
  }
}

/** The course of every mutating command: open, converse, operate, report. Prints for people unless JSON was asked for. */
export const operate = (
  flags: MutatingFlags,
  asks: boolean,
  operation: (appliance: Appliance, conversation: Conversation) => Promise<OperationResult>,
  preparePolicy?: PreparePolicy,
): Promise<OperationReport> => {
  // Loaded while the appliance is opened, which waits for other processes.
  const loading = Promise.all([
    import('./converse.ts'),
    import('./view/plan-text.ts'),
    import('./operations/operation-report.ts'),
    import('./view/outcome-text.ts'),
    import('./operations/read-running-facts.ts'),
    import('./view/login-message.ts'),
  ])
  loading.catch(() => undefined)
  return withAppliance(
    flags,
    async (appliance) => {
      const [{ converse }, { planText }, { reportOperation }, { outcomeText }, readFacts, message] = await loading
      const { conversation, end } = await converse({ ...flags, asks })
      try {
        const result = await operation(appliance, conversation)
        await end()
        const report = await reportOperation(appliance, result)
        if (!flags.json) process.stdout.write(flags.plan ? planText(result.plan) : outcomeText(report))
        return report
      } finally {
        await end()
        // Also after a failure, which may have changed what boots next.
        if (!flags.plan) await tellLogins(appliance, { ...readFacts, ...message })
      }
    },
    preparePolicy,
  )
}
