/** Rates of one class differ by 13 % at most (scheduling study §5.2). */
const CLASS_RATIO = 0.87

/** Slower hosts have greater classes; the class of 1 B/s is 0, so that real ones are negative. */
export function rateClassOf(bps: number): number {
  return Math.round(Math.log(Math.max(1, bps)) / Math.log(CLASS_RATIO))
}
