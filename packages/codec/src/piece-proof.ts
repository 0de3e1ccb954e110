import { type Geometry, lengthPrefixed, type PieceIndex, type TaskId } from '@df/proto'
import { buildMerkleTree, leafHash, rootOfPath } from './merkle.ts'
import type { Keyring, SigningKey } from './signing-key.ts'

/**
 * What a proof is about. A proof of one task, generation or geometry is worthless for another.
 */
export interface ProofSubject {
  task: TaskId
  generation: string
  geometry: Geometry
}

/** Most pieces that share one signature. */
export const MAX_PROOF_GROUP = 64

const VERSION = 1
const HEAD_BYTES = 8
const HASH_BYTES = 32
const SIGNATURE_BYTES = 64
const MAX_PATH = 6

/**
 * Signs consecutive pieces as one group and gives each its own proof: version (u8), first index of the group
 * (u32), size of the group (u16), path length (u8), path (32 bytes each), Ed25519 signature over the group's
 * Merkle root. So a piece and its proof stand alone: they travel from host to host without the centre.
 * `sha256s`: hashes of pieces `first`, `first`+1, …; at most {@link MAX_PROOF_GROUP}, at least one.
 */
export function signPieces(
  key: SigningKey,
  subject: ProofSubject,
  first: PieceIndex,
  sha256s: readonly Uint8Array[],
): Buffer[] {
  const tree = buildMerkleTree(sha256s.map((sha256, at) => leafHash(first + at, sha256)))
  const signature = key.sign(signedMessage(subject, first, sha256s.length, tree.root))
  return tree.paths.map((path) => {
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUInt8(VERSION, 0)
    head.writeUInt32BE(first, 1)
    head.writeUInt16BE(sha256s.length, 5)
    head.writeUInt8(path.length, 7)
    return Buffer.concat([head, ...path, signature])
  })
}

function signedMessage(
  { task, generation, geometry }: ProofSubject,
  first: number,
  count: number,
  root: Uint8Array,
): Uint8Array {
  const numbers = Buffer.alloc(24)
  numbers.writeBigUInt64BE(BigInt(geometry.contentLength), 0)
  numbers.writeUInt32BE(geometry.pieceSize, 8)
  numbers.writeUInt32BE(geometry.stripes, 12)
  numbers.writeUInt32BE(first, 16)
  numbers.writeUInt32BE(count, 20)
  const words = ['dragonfly.pieces.v1', task, generation].map((word) => Buffer.from(word))
  return lengthPrefixed([...words, numbers, root])
}

/** Checks proofs against a keyring; a group's signature is checked once, its further pieces by hashes alone. */
export class ProofVerifier {
  readonly #keyring: Keyring
  readonly #known = new Set<string>()
  readonly #limit: number

  constructor(keyring: Keyring, limit = 4096) {
    this.#keyring = keyring
    this.#limit = limit
  }

  /** True when `proof` shows that piece `index` of the subject has this SHA-256. Any bytes are safe to pass. */
  verify(subject: ProofSubject, index: PieceIndex, sha256: Uint8Array, proof: Uint8Array): boolean {
    const parsed = parseProof(proof)
    if (parsed === undefined) return false
    const position = index - parsed.first
    if (position < 0 || position >= parsed.count) return false
    const root = rootOfPath(leafHash(index, sha256), position, parsed.count, parsed.path)
    if (root === undefined) return false
    const message = signedMessage(subject, parsed.first, parsed.count, root)
    const name = `${Buffer.from(message).toString('latin1')}${parsed.signature.toString('latin1')}`
    if (this.#known.has(name)) return true
    if (!this.#keyring.verify(message, parsed.signature)) return false
    this.#remember(name)
    return true
  }

  #remember(name: string): void {
    if (this.#known.size >= this.#limit) {
      const [oldest] = this.#known
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.add(name)
  }
}

function parseProof(bytes: Uint8Array) {
  const proof = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (proof.length < HEAD_BYTES + SIGNATURE_BYTES || proof.readUInt8(0) !== VERSION)
    return undefined
  const count = proof.readUInt16BE(5)
  const pathLength = proof.readUInt8(7)
  if (count < 1 || count > MAX_PROOF_GROUP || pathLength > MAX_PATH) return undefined
  const signatureAt = HEAD_BYTES + pathLength * HASH_BYTES
  if (proof.length !== signatureAt + SIGNATURE_BYTES) return undefined
  const path: Buffer[] = []
  for (let at = HEAD_BYTES; at < signatureAt; at += HASH_BYTES) {
    path.push(proof.subarray(at, at + HASH_BYTES))
  }
  return { first: proof.readUInt32BE(1), count, path, signature: proof.subarray(signatureAt) }
}
