/**
 * A whole number of at least 1 from a flag's text.
 * @throws Error with a sentence for the person who typed it
 */
export function countOf(flag: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`--${flag} takes a number, not '${text}'`)
  return count
}
