import { AppError, isAppError } from '@df/proto'

/** Something wrong with the configuration: where it stands, what is wrong, how to mend it. */
export interface Fault {
  /** A flag, an environment variable, or a file and a key in it. */
  where: string
  what: string
  hint?: string
}

/** All faults as one error: one sentence for one fault, else a line each. */
export function configError(faults: readonly Fault[]): AppError {
  const lines = faults.map(({ where, what, hint }) => {
    return `${where}: ${what}${hint === undefined ? '' : `; ${hint}`}`
  })
  const message =
    lines.length === 1
      ? (lines[0] ?? '')
      : `the configuration has ${lines.length} faults\n${lines.map((line) => `  ${line}`).join('\n')}`
  return new AppError('CONFIG_INVALID', message)
}

/** What a constructor says of its arguments: the fault of the setting that they come from. */
export function faultsOf(where: string, construct: () => unknown): Fault[] {
  try {
    construct()
    return []
  } catch (error) {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error
    const { message: what, hint } = error
    return [{ where, what, ...(hint === undefined ? {} : { hint }) }]
  }
}
