import { isIPv6 } from 'node:net'
import { AppError, type Digest, parseDigest } from '@df/proto'
import { isRepositoryName, isTag } from './names.ts'

/** What an image reference names, with every default written out. */
export interface ImageReference {
  /** Host, with a port if one was given: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  registry: string
  /** Never empty; images of docker.io without a user are below `library/`. */
  repository: string
  tag?: string
  digest?: Digest
}

const defaultRegistry = 'docker.io'
const legacyRegistry = 'index.docker.io'
const officialPrefix = 'library/'
const maxLength = 1024

/**
 * Reads an image reference by docker's rules (github.com/distribution/reference): `NAME[:TAG][@DIGEST]`, where
 * the first component of the name is a registry only if it has a dot, a colon or a capital, or is `localhost`.
 * No tag is made up: without one and without a digest, both are absent.
 * @throws AppError NAME_INVALID, DIGEST_INVALID
 */
export function parseReference(text: string): ImageReference {
  if (text.length > maxLength) throw invalid(text, 'it is too long')
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1))
  const tagged = at < 0 ? text : text.slice(0, at)
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1)
  const name = colon < 0 ? tagged : tagged.slice(0, colon)
  const tag = colon < 0 ? undefined : tagged.slice(colon + 1)
  if (tag !== undefined && !isTag(tag)) throw invalid(text, 'its tag is not a tag')
  if (isImageId(name)) throw invalid(text, 'its name looks like an image id')
  const { registry, repository } = splitName(name)
  if (!isRegistryHost(registry)) throw invalid(text, 'its registry is not a host with a port')
  if (!isRepositoryName(repository)) throw invalid(text, 'its repository is not a repository name')
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The full form, `docker.io/library/busybox:1@sha256:…`; {@link parseReference} gives the same reference back. */
export function formatReference(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`
}

/** The form people write, `busybox:1`; {@link parseReference} gives the same reference back. */
export function familiarReference(reference: ImageReference): string {
  const { registry, repository } = reference
  const short = repository.startsWith(officialPrefix)
    ? repository.slice(officialPrefix.length)
    : repository
  const again = splitName(short)
  return again.registry === registry && again.repository === repository && !isImageId(short)
    ? short + suffix(reference)
    : formatReference(reference)
}

function suffix({ tag, digest }: ImageReference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

/** Clients take such a name for the id of an image. */
function isImageId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const registry = isHost && first !== legacyRegistry ? first : defaultRegistry
  const rest = isHost ? name.slice(slash + 1) : name
  const isOfficial = registry === defaultRegistry && !rest.includes('/')
  return { registry, repository: isOfficial ? officialPrefix + rest : rest }
}

const domain = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/

function isRegistryHost(text: string): boolean {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (port !== undefined && Number(port) > 65_535) return false
  if (!host.startsWith('[')) return host.length <= 253 && domain.test(host)
  const address = host.slice(1, -1)
  return isIPv6(address) && !address.includes('%')
}

function invalid(text: string, why: string): AppError {
  return new AppError('NAME_INVALID', `'${text.slice(0, 150)}' is not an image reference: ${why}`, {
    hint: 'write it as [HOST[:PORT]/]NAME[:TAG][@sha256:HEX], in lower case',
  })
}
