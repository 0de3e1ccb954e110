import type { Labels } from '@df/proto'

/** Labels that say where a host is, from the widest place to the narrowest; the names of Kubernetes count too. */
const places: readonly (readonly string[])[] = [
  ['region', 'topology.kubernetes.io/region'],
  ['zone', 'topology.kubernetes.io/zone'],
  ['rack', 'topology.kubernetes.io/rack'],
]

/** Where a host is by its labels. A place without a name is the one around it. */
export function locationOf(labels: Labels | undefined): string[] {
  return places.flatMap((keys) => {
    const name = keys
      .map((key) => labels?.[key])
      .find((value) => value !== undefined && value !== '')
    return name === undefined ? [] : [name]
  })
}
