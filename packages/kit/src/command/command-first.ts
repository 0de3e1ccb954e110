/** How the words of a command line are told apart. */
export interface CommandWords {
  /** Names of commands. */
  names: readonly string[]
  /** Whether the word after this flag, `--config` or `-O`, is its value. */
  takesValue(flag: string): boolean
}

/**
 * The words of a command line with the command's name at the front, when only flags stand before it:
 * `--config x setup docker` is `setup docker --config x`. Unchanged when there is no command.
 */
export function commandFirst(
  argv: readonly string[],
  { names, takesValue }: CommandWords,
): readonly string[] {
  let at = 0
  for (let word = argv[at]; word?.startsWith('-') && word !== '--'; word = argv[at]) {
    at += takesValue(word) ? 2 : 1
  }
  const name = argv[at]
  if (at === 0 || name === undefined || !names.includes(name)) return argv
  return [...argv.slice(at), ...argv.slice(0, at)]
}
