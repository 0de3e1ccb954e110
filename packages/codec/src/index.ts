export { Bitfield } from './bitfield.ts'
export { MAX_PROOF_GROUP, type ProofSubject, ProofVerifier, signPieces } from './piece-proof.ts'
export {
  type ByteRange,
  type ContentRange,
  formatContentRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRangeHeader,
} from './range.ts'
export {
  generateSigningKey,
  Keyring,
  type SigningKey,
  signingKeyFromPem,
} from './signing-key.ts'
export { generationOf, isSameState, taskIdOf, type Validators } from './task-hash.ts'
export { issueTicket, type Ticket, TicketVerifier } from './ticket.ts'
