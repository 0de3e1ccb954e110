/** Rates of one class differ by 13 % at most (scheduling study §5.2). */
const CLASS_RATIO = 0.87

/** Slower hosts have greater classes; the class of 1 B/s is 0, so that real ones are negative. */
export function rateClassOf(bps: number): number {
  return Math.round(Math.log(bps) / Math.log(CLASS_RATIO))
}

/** The middle of a class. */
export function bpsOfClass(rateClass: number): number {
  return CLASS_RATIO ** rateClass
}
