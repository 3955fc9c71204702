import { z } from 'zod'

/** What vitest's JSON reporter writes (vitest 5), as far as it is read. */
const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) })),
    }),
  ),
})

/** A run of vitest, in counts of its cases. */
export interface VitestRun {
  readonly passed: number
  readonly skipped: number
  /** A failed case, or a file that could not be loaded, with its messages; one line or more for each. */
  readonly failures: readonly string[]
}

/**
 * @param text of the file that the JSON reporter wrote
 * @param status that vitest ended with: an error outside of all cases is told by it alone
 */
export function parseVitestReport(text: string, status: number): VitestRun {
  const { testResults } = Report.parse(JSON.parse(text))
  const cases = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === 'failed')
    if (status === 'failed' && failed.length === 0) return [`${name}\n${message}`]
    return failed.map(({ fullName, failureMessages }) => [fullName, ...failureMessages].join('\n'))
  })
  if (status !== 0 && failures.length === 0) failures.push(`vitest ended with status ${String(status)}, and no case failed`)
  const passed = cases.filter(({ status }) => status === 'passed').length
  return { passed, skipped: cases.length - passed - cases.filter(({ status }) => status === 'failed').length, failures }
}
