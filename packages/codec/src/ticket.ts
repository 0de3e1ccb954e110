import { AppError, type HostId, isHostId, isTaskId, type TaskId } from '@df/proto'
import type { Keyring, SigningKey } from './signing-key.ts'

/** Admits one host to the content of one task at the other hosts, for a while. */
export interface Ticket {
  task: TaskId
  host: HostId
  /** Unix time in seconds. */
  expires: number
}

const domain = 'dragonfly.ticket.v1'
const format = /^([0-9a-f]{64})\.([0-9a-f]{32})\.([0-9]{1,12})\.([A-Za-z0-9_-]{86})$/

/** `<task>.<host>.<expires>.<signature>` */
export function issueTicket(key: SigningKey, ticket: Ticket): string {
  const body = `${ticket.task}.${ticket.host}.${ticket.expires}`
  return `${body}.${key.sign(Buffer.from(`${domain}\n${body}`)).toString('base64url')}`
}

/** Checks tickets against a keyring; a ticket's signature is checked once. */
export class TicketVerifier {
  readonly #keyring: Keyring
  readonly #nowMs: () => number
  readonly #known = new Set<string>()

  constructor(keyring: Keyring, nowMs: () => number = Date.now) {
    this.#keyring = keyring
    this.#nowMs = nowMs
  }

  /** @throws AppError TICKET_INVALID unless `text` is a current ticket for `task` */
  verify(text: string | undefined, task: TaskId): Ticket {
    const ticket = text === undefined ? undefined : parseTicket(text)
    if (text === undefined || ticket === undefined || ticket.task !== task) {
      throw new AppError('TICKET_INVALID', 'a ticket for this task is needed')
    }
    if (ticket.expires * 1000 < this.#nowMs()) {
      throw new AppError('TICKET_INVALID', 'the ticket has expired')
    }
    if (this.#known.has(text)) return ticket
    const [, , , signature = ''] = text.split('.')
    const body = text.slice(0, -signature.length - 1)
    if (
      !this.#keyring.verify(Buffer.from(`${domain}\n${body}`), Buffer.from(signature, 'base64url'))
    ) {
      throw new AppError('TICKET_INVALID', 'the ticket is not signed by a SuperNode known here')
    }
    if (this.#known.size >= 10_000) this.#known.clear()
    this.#known.add(text)
    return ticket
  }
}

function parseTicket(text: string): Ticket | undefined {
  const [, task = '', host = '', expires = ''] = format.exec(text) ?? []
  if (!isTaskId(task) || !isHostId(host)) return undefined
  return { task, host, expires: Number(expires) }
}
