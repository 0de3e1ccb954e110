/**
 * The middle value, or the mean of the two in the middle.
 * @throws RangeError when there are no values
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (upper === undefined || lower === undefined) throw new RangeError('no values')
  return (lower + upper) / 2
}

/** `median [least-greatest]`, as the tables of docs/performance show it. */
export function spread(values: readonly number[], digits: number): string {
  const [middle, least, greatest] = [median(values), Math.min(...values), Math.max(...values)].map(
    (value) => value.toFixed(digits),
  )
  return values.length === 1 ? `${middle}` : `${middle} [${least}-${greatest}]`
}
