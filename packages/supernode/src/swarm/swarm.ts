import { Bitfield } from '@df/codec'
import { redactUrl } from '@df/oci'
import {
  type AppError,
  type HostId,
  pieceCount,
  pieceLength,
  type Source,
  type SupernodeMessage,
  type TaskId,
  type TaskIdentity,
  type TaskState,
} from '@df/proto'
import type { SchedulerEvent } from '@df/scheduling'
import type { StoredContent } from '@df/storage'
import type { KeyedSource } from '../seed/keyed-source.ts'
import { RefusalMemory } from '../seed/refusal-memory.ts'
import type { SeedEvents, SeedTask, StartSeed } from '../seed/seed-task.ts'
import type { HostLink } from './host-link.ts'
import { SwarmLedger } from './ledger.ts'
import {
  type ContentState,
  isComplete,
  type Join,
  joinAgain,
  type Member,
  memberOf,
  type Progress,
  piecesOf,
  type Slow,
  sameContent,
} from './member.ts'
import { failedMessage } from './messages.ts'
import { type Wish, Wishes } from './wish.ts'

/** How long the seed goes on reading when no host waits for the content any more. */
const UNWANTED_MS = 30_000
/** How long a swarm without hosts is kept to be shown. */
const EMPTY_MS = 60_000
const SEEDING_MS = 1000

/** Who is told what seeds do: metrics and logs. */
export interface SeedWatch {
  read(swarm: Swarm, bytes: number): void
  firstByte(swarm: Swarm, afterMs: number): void
  stored(swarm: Swarm, bytes: number): void
  failed(swarm: Swarm, error: AppError): void
  complete(swarm: Swarm): void
  /** Hosts fetched it, and none does any more. */
  rested(swarm: Swarm): void
}

/** What a swarm needs from the program around it. */
export interface SwarmSurroundings {
  schedule(event: SchedulerEvent): void
  startSeed(task: TaskId, identity: TaskIdentity, start: StartSeed): SeedTask
  send(host: HostId, message: SupernodeMessage): void
  ticket(task: TaskId, host: HostId): string
  /** Half the life of a ticket. */
  ticketRenewMs: number
  /** Monotonic clock. */
  nowMs(): number
  watch: SeedWatch
}

/** One task: the hosts that have or want it, and the seed that reads it while one of them lacks pieces. */
export class Swarm {
  readonly task: TaskId
  readonly identity: TaskIdentity
  readonly createdAtMs: number
  readonly members = new Map<HostId, Member>()
  readonly ledger: SwarmLedger
  /** Bytes of it that the SuperNode sent to hosts. */
  uploadedBytes = 0
  readonly #around: SwarmSurroundings
  readonly #refusals: RefusalMemory
  readonly #wishes = new Wishes()
  #url = ''
  #content: ContentState | undefined
  #seed: SeedTask | undefined
  #unsubscribe: (() => void) | undefined
  #error: AppError | undefined
  #originBytes = 0
  #toldBytes = 0
  #lastPieceAtMs = 0
  #wantedAtMs: number
  #occupiedAtMs: number

  constructor(task: TaskId, identity: TaskIdentity, around: SwarmSurroundings) {
    this.task = task
    this.identity = identity
    this.#around = around
    const bytes = () => ({ seed: this.uploadedBytes, origin: this.#originBytes })
    this.ledger = new SwarmLedger(around.nowMs, bytes)
    this.#refusals = new RefusalMemory(around.nowMs)
    this.createdAtMs = Date.now()
    this.#wantedAtMs = around.nowMs()
    this.#occupiedAtMs = this.#wantedAtMs
  }

  /** The content as far as it is known. */
  get content(): ContentState | undefined {
    return this.#content
  }

  get url(): string {
    return this.#url
  }

  get error(): AppError | undefined {
    return this.#error
  }

  get originBytes(): number {
    return this.#originBytes
  }

  get state(): TaskState {
    if (this.#seed?.reading === true) return 'seeding'
    if (this.#error !== undefined) return 'failed'
    return this.#content === undefined ? 'idle' : 'complete'
  }

  /** Whether absent pieces of this state of the content are on their way to the seed. */
  isGrowing(generation: string): boolean {
    return this.#seed?.reading === true && this.#content?.generation === generation
  }

  join(link: HostLink, join: Join): void {
    const known = this.members.get(link.host)
    if (known !== undefined) joinAgain(known, join)
    const member = known ?? memberOf(link.host, join)
    const refusal = this.#refusals.recall(member.source.key)
    if (refusal !== undefined && this.#seed === undefined && !isComplete(member, this.#content)) {
      this.#dismiss(member, refusal)
      return
    }
    this.members.set(link.host, member)
    this.ledger.join(link.host, isComplete(member, this.#content))
    if (this.#url === '') this.#url = redactUrl(join.source.url)
    if (this.#content !== undefined) this.#admit(member, this.#content)
    this.#seedWhenWanted(member)
  }

  /** The SuperNode itself wants the content, with `source` as one more place to read it from. */
  want(source: Source): Wish {
    const wish = this.#wishes.add(this.task, source)
    if (this.#url === '') this.#url = redactUrl(source.url)
    const { key } = wish.source
    const refusal = this.#refusals.recall(key)
    if (this.#seed?.content !== undefined) this.#wishes.know(this.#seed.content)
    if (this.#seed?.reading === true) return wish
    if (this.#seed === undefined && refusal !== undefined) this.#wishes.fail(refusal, key)
    else if (this.#seed !== undefined && this.identity.digest !== undefined) this.#wishes.fulfil()
    // A content without digest may be another by now: a new seed asks the origin.
    else this.#startSeed(undefined)
    return wish
  }

  progress(host: HostId, report: Progress): void {
    const member = this.members.get(host)
    if (member === undefined || this.#content === undefined) return
    const { geometry, generation } = this.#content
    const pieces = Bitfield.parse(report.have, pieceCount(geometry))
    const before = piecesOf(member, this.#content)
    member.have = { geometry, generation, pieces }
    this.ledger.progress(host, report, pieces.full)
    if (pieces.size !== before) {
      this.#around.schedule({ type: 'progress', host, task: this.task, have: pieces.size })
    }
  }

  lost(host: HostId, parent: HostId): void {
    if (!this.members.has(host)) return
    this.#around.schedule({ type: 'lost', host, task: this.task, parent })
  }

  bad(host: HostId, parent: HostId, piece: number): void {
    if (!this.members.has(host)) return
    this.#around.schedule({ type: 'bad', host, task: this.task, parent, piece })
  }

  slow(host: HostId, { child, stripe, share }: Slow): void {
    if (!this.members.has(host)) return
    this.#around.schedule({ type: 'slow', host, task: this.task, child, stripe, share })
  }

  leave(host: HostId): void {
    if (!this.members.delete(host)) return
    this.ledger.leave(host)
    if (this.#content !== undefined) {
      this.#around.schedule({ type: 'leave', host, task: this.task })
    }
  }

  /** The host is down: the scheduler knows already. */
  drop(host: HostId): void {
    this.members.delete(host)
    this.ledger.leave(host)
  }

  /** The host has a new session, in which it has not joined yet. */
  unconfirm(host: HostId): void {
    const member = this.members.get(host)
    if (member !== undefined) member.confirmed = false
  }

  leaveUnlessConfirmed(host: HostId): void {
    if (this.members.get(host)?.confirmed === false) this.leave(host)
  }

  /** To be called about once a second. False when the swarm can be forgotten. */
  tick(): boolean {
    const now = this.#around.nowMs()
    if (this.#isWanted()) this.#wantedAtMs = now
    if (this.members.size > 0 || !this.#wishes.isEmpty) this.#occupiedAtMs = now
    // A content that all hosts have needs no lease: it may be evicted, and is read again if one more wants it.
    const patienceMs = this.#seed?.reading === true ? UNWANTED_MS : 0
    if (now - this.#wantedAtMs >= Math.max(patienceMs, 1)) this.#stopSeed()
    if (this.ledger.rests()) this.#around.watch.rested(this)
    this.#renewTickets(now)
    this.#tellOfSeeding(now)
    return this.#seed !== undefined || now - this.#occupiedAtMs < EMPTY_MS
  }

  /** Ends the swarm: its hosts hear why. Resolves when the seed has let go of the content. */
  async close(error: AppError): Promise<void> {
    const seed = this.#seed
    this.#end(error)
    await seed?.release()
  }

  #admit(member: Member, content: ContentState): void {
    this.#announce(member, content)
    const have = piecesOf(member, content)
    this.#around.schedule({ type: 'join', host: member.host, task: this.task, have })
  }

  #announce(member: Member, { geometry, generation }: ContentState): void {
    member.ticketAtMs = this.#around.nowMs()
    this.#around.send(member.host, {
      type: 'task',
      task: this.task,
      geometry,
      generation,
      ticket: this.#around.ticket(this.task, member.host),
    })
  }

  #seedWhenWanted(member: Member): void {
    if (isComplete(member, this.#content)) return
    const outdated =
      this.#content !== undefined &&
      this.identity.digest === undefined &&
      member.confirmedGeneration !== undefined &&
      member.confirmedGeneration !== this.#content.generation
    if (this.#seed?.reading === true || (this.#seed !== undefined && !outdated)) return
    this.#startSeed(member.confirmedGeneration)
  }

  #startSeed(confirmedGeneration: string | undefined): void {
    this.#stopSeed()
    this.#error = undefined
    this.#seed = this.#around.startSeed(this.task, this.identity, {
      events: this.#seedEvents(),
      confirmedGeneration,
      nextSource: (acceptable) => this.#nextSource(acceptable),
    })
  }

  #nextSource(acceptable: (source: KeyedSource) => boolean): KeyedSource | undefined {
    for (const member of this.members.values()) {
      if (!isComplete(member, this.#content) && acceptable(member.source)) return member.source
    }
    return this.#wishes.source(acceptable)
  }

  #seedEvents(): SeedEvents {
    const { watch, nowMs } = this.#around
    const startedAtMs = nowMs()
    let isFirst = true
    return {
      content: (content) => this.#contentKnown(content),
      refused: (sourceKey, error) => this.#refused(sourceKey, error),
      failed: (reason, told) => {
        watch.failed(this, reason)
        this.#end(told)
        this.#error = reason
      },
      complete: () => {
        watch.complete(this)
        this.#wishes.fulfil()
      },
      bytes: (count) => {
        if (isFirst) watch.firstByte(this, nowMs() - startedAtMs)
        isFirst = false
        this.#originBytes += count
        watch.read(this, count)
      },
    }
  }

  #contentKnown(stored: StoredContent): void {
    const { geometry, generation } = stored.meta
    this.#wishes.know(stored)
    this.#unsubscribe?.()
    this.#unsubscribe = stored.onPiece((index) => {
      this.#lastPieceAtMs = this.#around.nowMs()
      this.#around.watch.stored(this, pieceLength(geometry, index))
    })
    const content: ContentState = { geometry, generation }
    if (this.#content !== undefined && sameContent(this.#content, content)) return
    if (this.#content !== undefined) {
      this.#startOver(this.#content)
    }
    this.#content = content
    for (const member of this.members.values()) this.#admit(member, content)
    this.#around.schedule({
      type: 'task-ready',
      task: this.task,
      stripes: geometry.stripes,
      pieces: pieceCount(geometry),
    })
  }

  /** Hosts that are done with the content as it was go; the others begin anew. */
  #startOver(before: ContentState): void {
    this.#around.schedule({ type: 'task-gone', task: this.task })
    this.ledger.startOver()
    for (const member of this.members.values()) {
      if (isComplete(member, before)) this.members.delete(member.host)
      else member.have = undefined
    }
  }

  #refused(sourceKey: string, error: AppError): void {
    this.#refusals.remember(sourceKey, error)
    this.#wishes.fail(error, sourceKey)
    for (const member of this.members.values()) {
      if (member.source.key === sourceKey && !isComplete(member, this.#content)) {
        this.#dismiss(member, error)
      }
    }
  }

  #dismiss({ host }: Member, error: AppError): void {
    this.#around.send(host, failedMessage(this.task, error))
    this.leave(host)
  }

  #end(error: AppError): void {
    this.#error = error
    this.#wishes.fail(error)
    for (const { host } of this.members.values()) {
      this.#around.send(host, failedMessage(this.task, error))
    }
    this.members.clear()
    if (this.#content !== undefined) {
      this.#around.schedule({ type: 'task-gone', task: this.task })
    }
    this.#content = undefined
    this.#stopSeed()
  }

  #isWanted(): boolean {
    if (!this.#wishes.isEmpty) return true
    for (const member of this.members.values()) {
      if (!isComplete(member, this.#content)) return true
    }
    return false
  }

  #stopSeed(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    const seed = this.#seed
    this.#seed = undefined
    // Never rejects: what goes wrong while reading is told by its events.
    void seed?.release()
  }

  #renewTickets(now: number): void {
    const content = this.#content
    if (content === undefined) return
    for (const member of this.members.values()) {
      if (now - member.ticketAtMs >= this.#around.ticketRenewMs) this.#announce(member, content)
    }
  }

  #tellOfSeeding(now: number): void {
    if (this.#seed?.reading !== true || this.#originBytes === this.#toldBytes) return
    this.#toldBytes = this.#originBytes
    if (now - this.#lastPieceAtMs < SEEDING_MS) return
    for (const { host } of this.members.values()) {
      this.#around.send(host, { type: 'seeding', task: this.task, bytes: this.#originBytes })
    }
  }
}
