/** A transfer over two links, by their numbers. */
export interface Route {
  up: number
  down: number
}

/**
 * Exact max-min fair rates by progressive filling: all rates rise together, those over a link that is full stop.
 * @returns one rate for each route, in the unit of the capacities
 */
export function maxMinRates(routes: readonly Route[], capacities: readonly number[]): number[] {
  const rates = routes.map(() => 0)
  const left = [...capacities]
  const open = new Set(routes.keys())
  while (open.size > 0) {
    const counts = new Map<number, number>()
    for (const index of open) {
      for (const link of linksOf(routes[index])) counts.set(link, (counts.get(link) ?? 0) + 1)
    }
    const step = Math.min(...[...counts].map(([link, count]) => (left[link] ?? 0) / count))
    for (const [link, count] of counts) left[link] = (left[link] ?? 0) - step * count
    for (const index of open) rates[index] = (rates[index] ?? 0) + step
    for (const index of [...open]) {
      const isFull = linksOf(routes[index]).some(
        (link) => (left[link] ?? 0) <= 1e-9 * (capacities[link] ?? 0),
      )
      if (isFull) open.delete(index)
    }
  }
  return rates
}

function linksOf(route: Route | undefined): number[] {
  return route === undefined ? [] : [route.up, route.down]
}
