// Prints `N passed, N failed` from the file that vitest's JSON reporter wrote.
import { readFileSync } from 'node:fs'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[]
}

const [, , path = ''] = process.argv
const report = JSON.parse(readFileSync(path, 'utf8')) as Report
// A file that could not be loaded has no failed test to be counted.
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
)
console.log(`${String(report.numPassedTests)} passed, ${String(report.numFailedTests + brokenFiles.length)} failed`)
