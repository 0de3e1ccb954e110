import { mediaTypes } from '@df/oci'
import { type Digest, isDigest } from '@df/proto'
import { type Static, Type } from 'typebox'

/** Media type of a registry's notifications. */
export const EVENTS_TYPE = 'application/vnd.docker.distribution.events.v1+json'

const Text = Type.Optional(Type.String())

/** Notifications of a registry, as far as pushes go (github.com/distribution/distribution, "Work with notifications"). */
export const EventEnvelopeSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      action: Text,
      target: Type.Optional(
        Type.Object({ mediaType: Text, digest: Text, repository: Text, tag: Text, url: Text }),
      ),
      request: Type.Optional(Type.Object({ host: Text })),
    }),
    { maxItems: 1000 },
  ),
})
export type EventEnvelope = Static<typeof EventEnvelopeSchema>

/** A manifest or an index that came to a registry. */
export interface Push {
  /** As the one who pushed named the registry: host and port. */
  registry: string
  repository: string
  digest: Digest
}

const manifestTypes = new Set<string>([
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
])

/** The manifests that were pushed, each once; of blobs, pulls, deletions and what is malformed, nothing. */
export function pushesOf({ events }: EventEnvelope): Push[] {
  const pushes = new Map<string, Push>()
  for (const { action, target = {}, request } of events) {
    const { mediaType = '', digest = '', repository = '', url = '' } = target
    const registry = request?.host ?? URL.parse(url)?.host ?? ''
    if (action !== 'push' || !manifestTypes.has(mediaType)) continue
    if (!isDigest(digest) || registry === '' || repository === '') continue
    pushes.set(`${registry}/${repository}@${digest}`, { registry, repository, digest })
  }
  return [...pushes.values()]
}
