import { AppError, parseHttpUrl } from '@df/proto'

/** The `docker.io` of references is served elsewhere (distribution/reference, "registry-1"). */
const dockerHub = new Map([
  ['docker.io', 'https://registry-1.docker.io'],
  ['index.docker.io', 'https://registry-1.docker.io'],
])

/** Where a registry that references call `host` is, when nobody configured it: `https://HOST`, but for docker.io. */
export function defaultRegistryUrl(host: string): URL {
  return new URL(dockerHub.get(host) ?? `https://${host}`)
}

/**
 * The URL of a registry as somebody configured it.
 * @throws AppError CONFIG_INVALID for a URL that is not http(s) or carries user info, a query or a fragment
 */
export function configuredRegistryUrl(text: string): URL {
  const url = configuredUrl(text)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError(
      'CONFIG_INVALID',
      `the registry URL of ${url.host} has more than a host and a path`,
      {
        hint: 'credentials come from the callers; write it as https://host[:port][/path]',
      },
    )
  }
  return url
}

function configuredUrl(text: string): URL {
  try {
    return parseHttpUrl(text)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', 'a registry URL is not an http or https URL', {
      hint: 'write it in full, as https://host',
      cause,
    })
  }
}
