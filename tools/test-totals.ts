// Prints `N passed, N failed` from files that vitest's JSON reporter wrote; one that is empty belongs to a run that was not reached.
import { readFileSync } from 'node:fs'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[]
}

let passed = 0
let failed = 0
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, 'utf8')
  if (text === '') continue
  const report = JSON.parse(text) as Report
  // A file that could not be loaded has no failed test to be counted.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  passed += report.numPassedTests
  failed += report.numFailedTests + brokenFiles.length
}
console.log(`${String(passed)} passed, ${String(failed)} failed`)
