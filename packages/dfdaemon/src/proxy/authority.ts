import 'reflect-metadata'
import {
  createPrivateKey,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'
import { AppError } from '@df/proto'
import * as x509 from '@peculiar/x509'
import { nameConstraints } from './name-constraints.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Clients refuse certificates of servers that live longer than 398 days; these are made anew all the time. */
const LEAF_LIFE_MS = 30 * DAY_MS

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** PEM texts. */
export interface KeyPair {
  cert: string
  key: string
}

export interface Leaf extends KeyPair {
  expiresAtMs: number
}

/** Signs certificates for the hosts whose TLS is opened. */
export interface Authority {
  /** Certificate for a server of that name or IP address, with the authority's own behind it. */
  issue(name: string): Promise<Leaf>
}

/**
 * A new authority for the proxy: an ECDSA P-256 key and a self-signed certificate, which may sign servers and no
 * further authorities. With `hosts` (names, which stand for what is below them too, and IP addresses) it is good for
 * nothing else (RFC 5280 §4.2.1.10).
 */
export async function generateAuthority(options: {
  commonName: string
  lifeMs: number
  hosts: readonly string[]
}): Promise<KeyPair> {
  const { commonName, lifeMs, hosts } = options
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + lifeMs),
    signingAlgorithm: ecdsa,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(hosts.length === 0
        ? []
        : [new x509.Extension('2.5.29.30', true, nameConstraints(hosts))]),
    ],
  })
  return { cert: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) }
}

/**
 * The authority of a certificate and its key, PEM; made by `gen-ca` or by anything else, ECDSA or RSA.
 * @throws AppError CONFIG_INVALID that says which of both is wrong
 */
export async function loadAuthority({ cert, key }: KeyPair): Promise<Authority> {
  const own = readCertificate(cert)
  const privateKey = readKey(key)
  if (!own.ca) throw refusal('the certificate is not one of an authority')
  if (!own.checkPrivateKey(privateKey)) throw refusal('the key is not the one of the certificate')
  if (own.validToDate.getTime() < Date.now()) throw refusal('the certificate has expired')
  const issuer = new x509.X509Certificate(own.raw)
  const algorithm = algorithmOf(privateKey)
  const signingKey = privateKey.toCryptoKey(algorithm, false, ['sign'])
  // One key for all hosts: making one costs more than signing, and it lives as long as this process.
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const leafKey = await pemOf(keys.privateKey)

  async function issue(name: string): Promise<Leaf> {
    const expiresAtMs = Math.min(Date.now() + LEAF_LIFE_MS, own.validToDate.getTime())
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      // No common name: OpenSSL holds the constraints on names of hosts against it, also when it is an address.
      subject: [{ O: ['Dragonfly proxy'] }],
      issuer: issuer.subjectName,
      notBefore: new Date(Date.now() - HOUR_MS),
      notAfter: new Date(expiresAtMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          { type: isIP(name) === 0 ? 'dns' : 'ip', value: name },
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return { cert: `${certificate.toString('pem')}\n${cert}`, key: leafKey, expiresAtMs }
  }

  return { issue }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw refusal('the certificate is not PEM', cause)
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw refusal('the key is not PEM without a passphrase', cause)
  }
}

function algorithmOf(key: KeyObject): { name: string; hash: string; namedCurve?: string } {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const curve = new Map([
    ['prime256v1', 'P-256'],
    ['secp384r1', 'P-384'],
    ['secp521r1', 'P-521'],
  ]).get(details?.namedCurve ?? '')
  if (type === 'ec' && curve !== undefined) {
    return { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
  }
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  throw refusal('the key is neither RSA nor ECDSA on a NIST curve')
}

function refusal(what: string, cause?: unknown): AppError {
  return new AppError('CONFIG_INVALID', `the authority of the proxy cannot be used: ${what}`, {
    hint: 'make one with `dfdaemon gen-ca --out DIR`',
    cause,
  })
}

/** Positive, as it must be (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}
