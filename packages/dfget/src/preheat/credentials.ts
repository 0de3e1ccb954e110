import { isLoopbackAddress } from '@df/kit'
import type { ImageReference, Keychain, StoredLogin } from '@df/oci'
import { AppError, type PreheatRequest, type RegistryCredentials } from '@df/proto'

/** Whether what is sent there stays between its two ends: TLS, or this host alone (design §8.2). */
export function keepsSecrets(supernodeUrl: string): boolean {
  const { protocol, hostname } = new URL(supernodeUrl)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return protocol === 'https:' || host === 'localhost' || isLoopbackAddress(host)
}

/** @throws AppError USAGE when secrets that were given would go over a plain link */
export function refusePlainLink(supernodeUrl: string, what: string): void {
  if (keepsSecrets(supernodeUrl)) return
  throw new AppError('USAGE', `${what} would go to ${supernodeUrl} over a plain link`, {
    hint: 'use the https:// address of the SuperNode, or run the command on its host',
  })
}

export interface CredentialsOptions {
  images: readonly ImageReference[]
  keychain: Pick<Keychain, 'loginFor'>
  supernodeUrl: string
  /** Told why a login that was found is not used. */
  note(text: string): void
}

/**
 * The logins of this user for the registries of the images. Those that cannot be used are left out, since the images
 * may be public: over a plain link, and identity tokens.
 * @throws AppError USAGE when a registry is to be asked with several; CONFIG_INVALID; the signal's reason
 */
export async function findCredentials(
  options: CredentialsOptions,
): Promise<NonNullable<PreheatRequest['credentials']>> {
  const { images, keychain, supernodeUrl, note } = options
  const found = new Map<string, StoredLogin | undefined>()
  for (const { registry, repository } of images) {
    const login = await keychain.loginFor(registry, repository)
    if (found.has(registry) && !isSame(found.get(registry), login)) {
      throw new AppError('USAGE', `the images of ${registry} have different logins`, {
        hint: 'order those of one login at a time',
      })
    }
    found.set(registry, login)
  }
  const usable: Record<string, RegistryCredentials> = {}
  for (const [registry, login] of found) {
    if (login === undefined) continue
    if ('identityToken' in login) {
      note(`dfget: the login for ${registry} is an identity token, which a SuperNode cannot use`)
    } else if (!keepsSecrets(supernodeUrl)) {
      note(
        `dfget: the login for ${registry} is not sent to ${supernodeUrl} over a plain link; use its https:// address`,
      )
    } else usable[registry] = login
  }
  return usable
}

function isSame(a: StoredLogin | undefined, b: StoredLogin | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
