import { describe, expect, it } from 'vitest'
import { parseVitestReport } from '../../vm/zfs/vitest-report.ts'

/** Parts of what the JSON reporter of vitest 5.1.1 wrote; stacks shortened. */
const PASSED = {
  ancestorTitles: ['a pool'],
  fullName: 'a pool keeps what it is given',
  status: 'passed',
  title: 'keeps what it is given',
  duration: 1.428541999999993,
  failureMessages: [],
  meta: {},
}
const FAILED = {
  ancestorTitles: ['a pool'],
  fullName: 'a pool says what it is',
  status: 'failed',
  title: 'says what it is',
  duration: 4.44426100000004,
  failureMessages: ["AssertionError: expected 'tank' to be 'rpool' // Object.is equality\n    at /root/belay/test/zfs/a.test.ts:4:48"],
  meta: {},
}
const SKIPPED = { ancestorTitles: ['a pool'], fullName: 'a pool is not asked', status: 'skipped', title: 'is not asked', failureMessages: [], meta: {} }
const NOT_LOADED = {
  assertionResults: [],
  status: 'failed',
  message: "Cannot find module './missing.ts' imported from /root/belay/test/zfs/b.test.ts",
  name: '/root/belay/test/zfs/b.test.ts',
}

const report = (testResults: readonly unknown[]): string => JSON.stringify({ numTotalTests: 3, success: false, testResults })
const fileOf = (assertionResults: readonly unknown[]) => ({ assertionResults, status: 'passed', message: '', name: '/root/belay/test/zfs/a.test.ts' })

describe('parseVitestReport', () => {
  it('counts cases and gives the messages of those that failed', () => {
    expect(parseVitestReport(report([fileOf([PASSED, FAILED, SKIPPED]), fileOf([PASSED])]), 1)).toEqual({
      passed: 2,
      skipped: 1,
      failures: ["a pool says what it is\nAssertionError: expected 'tank' to be 'rpool' // Object.is equality\n    at /root/belay/test/zfs/a.test.ts:4:48"],
    })
  })

  it('takes a file that could not be loaded for a failure', () => {
    expect(parseVitestReport(report([fileOf([PASSED]), NOT_LOADED]), 1).failures).toEqual([`${NOT_LOADED.name}\n${NOT_LOADED.message}`])
  })

  it('takes a status for a failure when every case passed: an error outside of all cases', () => {
    expect(parseVitestReport(report([fileOf([PASSED])]), 1).failures).toEqual(['vitest ended with status 1, and no case failed'])
  })

  it('has no failures when every case passed', () => {
    expect(parseVitestReport(report([fileOf([PASSED])]), 0)).toEqual({ passed: 1, skipped: 0, failures: [] })
  })

  it('refuses what is no report', () => {
    expect(() => parseVitestReport('{"success":true}', 0)).toThrow('testResults')
  })
})
