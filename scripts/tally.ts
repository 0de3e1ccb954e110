/** How many tests (or steps) passed and failed. */
export interface Tally {
  passed: number
  failed: number
}

/** The parts of vitest's JSON report that are counted. */
export interface CountableReport {
  numPassedTests: number
  numFailedTests: number
}

export function isCountable(report: unknown): report is CountableReport {
  return (
    typeof report === 'object' &&
    report !== null &&
    'numPassedTests' in report &&
    typeof report.numPassedTests === 'number' &&
    'numFailedTests' in report &&
    typeof report.numFailedTests === 'number'
  )
}

/**
 * Counts a test run. A run that did not succeed counts at least one failure, also when no test of its own
 * failed: a file that does not load, a hook that throws, a run that wrote no report.
 */
export function tallyOf(report: CountableReport | undefined, succeeded: boolean): Tally {
  const passed = report?.numPassedTests ?? 0
  const failed = report?.numFailedTests ?? 0
  return { passed, failed: Math.max(failed, succeeded && report ? 0 : 1) }
}
