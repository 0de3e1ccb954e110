/** OCI distribution-spec error codes that we answer with. */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'UNSUPPORTED'

export interface ErrorInfo {
  /** HTTP status of our own APIs and of `/v2`. */
  status: number
  oci: OciErrorCode
  /** Exit code of commands; stable, documented in docs/reference/exit-codes.md. */
  exit: number
  /** Whether the same request can succeed later without anybody changing anything. */
  retryable: boolean
  summary: string
}

/**
 * Exit codes: 0 done · 1 anything unforeseen · 2 wrong usage or configuration · 3 not found at the origin ·
 * 4 no right at the origin · 5 network or origin trouble · 6 wrong content (digest, changed meanwhile) ·
 * 7 local disk or file trouble · 8 data directory in use · 9 refused by policy (guarded address, limits) ·
 * 10 timed out · 78 Node.js too old.
 */
const table = {
  BLOB_UNAVAILABLE: row(
    404,
    'BLOB_UNKNOWN',
    5,
    true,
    'the blob cannot be had from the swarm or the registry now',
  ),
  CONFIG_INVALID: row(400, 'UNKNOWN', 2, false, 'the configuration or a flag is wrong'),
  CONTENT_CHANGED: row(409, 'UNKNOWN', 6, true, 'the origin changed the content while it was read'),
  CONTENT_DIGEST_MISMATCH: row(
    502,
    'DIGEST_INVALID',
    6,
    true,
    'the content does not have the expected digest',
  ),
  DAEMON_UNREACHABLE: row(503, 'UNKNOWN', 5, true, 'no dfdaemon answers'),
  DATA_DIR_IN_USE: row(409, 'UNKNOWN', 8, false, 'another process uses the data directory'),
  DIGEST_INVALID: row(
    400,
    'DIGEST_INVALID',
    2,
    false,
    'not a digest such as sha256:<64 hex digits>',
  ),
  DISK_FULL: row(507, 'UNKNOWN', 7, true, 'no space left for the content'),
  FORBIDDEN: row(403, 'DENIED', 4, false, 'the caller may not do this'),
  INTERNAL: row(500, 'UNKNOWN', 1, false, 'an unforeseen error'),
  LISTEN_FAILED: row(500, 'UNKNOWN', 2, false, 'the address to listen on cannot be had'),
  METHOD_NOT_ALLOWED: row(405, 'UNSUPPORTED', 2, false, 'only GET and HEAD pass a mirror'),
  NAME_INVALID: row(400, 'NAME_INVALID', 2, false, 'not a repository name'),
  ORIGIN_FAILED: row(502, 'UNKNOWN', 5, true, 'the origin answered with an error'),
  ORIGIN_FORBIDDEN: row(403, 'DENIED', 4, false, 'the origin refused the caller'),
  ORIGIN_NOT_FOUND: row(404, 'BLOB_UNKNOWN', 3, false, 'the origin does not have it'),
  ORIGIN_RATE_LIMITED: row(429, 'TOOMANYREQUESTS', 5, true, 'the origin asks to slow down'),
  ORIGIN_REFUSED: row(403, 'DENIED', 9, false, 'the address of the origin is guarded'),
  ORIGIN_STALLED: row(504, 'UNKNOWN', 5, true, 'the origin stopped sending'),
  ORIGIN_TLS: row(502, 'UNKNOWN', 5, false, 'the certificate of the origin is not trusted'),
  ORIGIN_TOO_MANY_REDIRECTS: row(502, 'UNKNOWN', 5, false, 'the origin redirects without end'),
  ORIGIN_UNAUTHORIZED: row(401, 'UNAUTHORIZED', 4, false, 'the origin wants credentials'),
  ORIGIN_UNREACHABLE: row(502, 'UNKNOWN', 5, true, 'the origin cannot be reached'),
  OUTPUT_FAILED: row(500, 'UNKNOWN', 7, false, 'the output cannot be written'),
  PARENT_BUSY: row(429, 'TOOMANYREQUESTS', 5, true, 'the host has no free upload slot'),
  PARENT_FAILED: row(502, 'UNKNOWN', 5, true, 'a host did not answer'),
  PIECE_ABSENT: row(404, 'BLOB_UNKNOWN', 5, true, 'this host does not have the piece'),
  PIECE_INVALID: row(502, 'DIGEST_INVALID', 6, true, 'a piece does not match its signed hash'),
  PIECE_NOT_YET: row(503, 'UNKNOWN', 5, true, 'the piece is on its way to this host'),
  PROTOCOL_UNSUPPORTED: row(
    426,
    'UNSUPPORTED',
    2,
    false,
    'the two programs do not speak the same protocol version',
  ),
  RANGE_INVALID: row(416, 'SIZE_INVALID', 2, false, 'the range lies outside the content'),
  REQUEST_INVALID: row(400, 'UNKNOWN', 2, false, 'the request is malformed'),
  ROUTE_UNKNOWN: row(404, 'UNSUPPORTED', 2, false, 'there is nothing at this address'),
  STORAGE_FAILED: row(500, 'UNKNOWN', 7, true, 'the local store failed'),
  SUPERNODE_UNREACHABLE: row(503, 'UNKNOWN', 5, true, 'no SuperNode answers'),
  TASK_DELETED: row(410, 'BLOB_UNKNOWN', 5, true, 'the task was deleted'),
  TASK_NOT_FOUND: row(404, 'BLOB_UNKNOWN', 3, false, 'no such task'),
  TICKET_INVALID: row(
    403,
    'DENIED',
    4,
    false,
    'the ticket for this task is missing, wrong or expired',
  ),
  TIMEOUT: row(504, 'UNKNOWN', 10, true, 'the time allowed is over'),
  USAGE: row(400, 'UNKNOWN', 2, false, 'the command line is wrong'),
} as const satisfies Record<string, ErrorInfo>

function row(
  status: number,
  oci: OciErrorCode,
  exit: number,
  retryable: boolean,
  summary: string,
): ErrorInfo {
  return { status, oci, exit, retryable, summary }
}

/** Stable error codes; adding one is compatible, renaming one is not. */
export type ErrorCode = keyof typeof table

export const errorCodes: readonly ErrorCode[] = Object.keys(table) as ErrorCode[]

export function errorInfo(code: ErrorCode): ErrorInfo {
  return table[code]
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(table, text)
}
