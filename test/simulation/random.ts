// The only source of chance in a schedule: a small generator whose every draw follows from the seed.

export interface Random {
  /** At least 0 and below 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** Another generator, so that what one actor draws does not shift what the others draw. */
  fork(): Random
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  // The upper half of a large seed counts as well.
  const high = Math.floor(seed / 2 ** 32) >>> 0

  // splitmix32: full period, well mixed from the first draw on.
  function next(): number {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ high
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }

  const random: Random = {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick(items) {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    fork: () => createRandom(Math.floor(next() * 2 ** 32) + Math.floor(next() * 2 ** 20) * 2 ** 32),
  }
  return random
}
