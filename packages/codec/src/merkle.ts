import { createHash } from 'node:crypto'

/**
 * A binary hash tree over up to 65535 leaves. Leaves and inner nodes are hashed under different first bytes
 * (RFC 9162 §2.1.1); a node without a sibling moves up unchanged.
 */
export interface MerkleTree {
  root: Buffer
  /** Sibling hashes from the leaf up, for each leaf. */
  paths: Buffer[][]
}

export function leafHash(index: number, sha256: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(index, 1)
  return createHash('sha256').update(prefix).update(sha256).digest()
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest()
}

/** `leaves` must not be empty. */
export function buildMerkleTree(leaves: readonly Buffer[]): MerkleTree {
  const paths: Buffer[][] = leaves.map(() => [])
  const positions = leaves.map((_, leaf) => leaf)
  let level = leaves
  while (level.length > 1) {
    for (const [leaf, position] of positions.entries()) {
      const sibling = level[position ^ 1]
      if (sibling !== undefined) paths[leaf]?.push(sibling)
      positions[leaf] = position >> 1
    }
    const next: Buffer[] = []
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at] as Buffer // at < length
      const right = level[at + 1]
      next.push(right === undefined ? left : nodeHash(left, right))
    }
    level = next
  }
  return { root: level[0] as Buffer /* one node is left */, paths }
}

/** The root that a leaf at `position` of `count` leaves and its path lead to; undefined when the path's length does not fit. */
export function rootOfPath(
  leaf: Buffer,
  position: number,
  count: number,
  path: readonly Uint8Array[],
): Buffer | undefined {
  let hash = leaf
  let at = position
  let width = count
  let used = 0
  while (width > 1) {
    if ((at ^ 1) < width) {
      const sibling = path[used++]
      if (sibling === undefined) return undefined
      hash = at % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash)
    }
    at >>= 1
    width = (width + 1) >> 1
  }
  return used === path.length ? hash : undefined
}
