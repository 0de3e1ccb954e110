/** A random source that is data: the same seed gives the same numbers (mulberry32). */
export interface SeededRandom {
  /** 32-bit state. */
  word: number
}

export function createSeededRandom(seed: number): SeededRandom {
  return { word: seed | 0 }
}

/** The next number in [0, 1). */
export function nextRandom(random: SeededRandom): number {
  random.word = (random.word + 0x6d2b79f5) | 0
  let mixed = Math.imul(random.word ^ (random.word >>> 15), random.word | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
