import type { Appliance } from './operations/appliance.ts'
import type { OperationReport } from './operations/operation-report.ts'
import type { Conversation, OperationResult } from './operations/run-operation.ts'
import type { Policy } from './policy/policy.ts'

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

/** Brings the login message of an appliance up to date. Does not fail: what logins are told must not make a failure of what was done. */
export type TellLogins = (appliance: Appliance) => Promise<void>

/** Loads what the login message is made of, which has to be in memory before an upgrade may replace belay's files. */
export const loadTellLogins = async (): Promise<TellLogins> => {
  const [{ readRunningFacts }, { loginMessage }] = await Promise.all([import('./operations/read-running-facts.ts'), import('./view/login-message.ts')])
  return async (appliance) => {
    try {
      // A machine that was never adopted has nothing to tell.
      if ((await appliance.driver.stateDirectory()) !== null) await appliance.loginMessage.write(loginMessage(await readRunningFacts(appliance)))
    } catch (error) {
      appliance.log.warn('the login message could not be written', { error: String(error) })
    }
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
    loadTellLogins(),
  ])
  loading.catch(() => undefined)
  return withAppliance(
    flags,
    async (appliance) => {
      const [{ converse }, { planText }, { reportOperation }, { outcomeText }, tellLogins] = await loading
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
        if (!flags.plan) await tellLogins(appliance)
      }
    },
    preparePolicy,
  )
}
