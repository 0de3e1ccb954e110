import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { AppError } from '@df/proto'

/** Ed25519 (RFC 8032). */
export interface SigningKey {
  sign(message: Uint8Array): Buffer
  /** Raw public key, 32 bytes as base64url. */
  readonly publicKey: string
  /** PKCS#8 PEM, to be kept secret. */
  toPem(): string
}

export function generateSigningKey(): SigningKey {
  return signingKeyOf(generateKeyPairSync('ed25519').privateKey)
}

/** @throws AppError STORAGE_FAILED when the text is not an Ed25519 private key */
export function signingKeyFromPem(pem: string): SigningKey {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return signingKeyOf(key)
  } catch (cause) {
    throw new AppError('STORAGE_FAILED', 'the signing key cannot be read', { cause })
  }
  throw new AppError('STORAGE_FAILED', 'the signing key is not an Ed25519 key')
}

function signingKeyOf(privateKey: KeyObject): SigningKey {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  return {
    sign: (message) => sign(null, message, privateKey),
    publicKey: String(jwk['x']),
    toPem: () => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/**
 * The public keys of the SuperNodes this process trusts. Filled by sessions, read by whoever checks proofs
 * and tickets.
 */
export class Keyring {
  readonly #keys = new Map<string, KeyObject>()

  /** @throws AppError REQUEST_INVALID when `publicKey` is not 32 bytes in base64url */
  add(publicKey: string): void {
    if (this.#keys.has(publicKey)) return
    if (!/^[A-Za-z0-9_-]{43}$/.test(publicKey)) {
      throw new AppError('REQUEST_INVALID', 'the SuperNode sent a malformed public key')
    }
    this.#keys.set(
      publicKey,
      createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' }),
    )
  }

  /** True when one of the trusted keys made the signature. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    for (const key of this.#keys.values()) if (verify(null, message, key, signature)) return true
    return false
  }
}
