/** What happened to a host, or to the SuperNode, that a picture of the run shows. */
export type TraceMark =
  | 'dies'
  | 'changes'
  | 'reported-bad'
  | 'reported-slow'
  | 'supernode-stops'
  | 'supernode-starts'

/** Parts of the content whose arrival is noted. */
const STEPS = 20

/** How one host came along. Times in milliseconds of virtual time. */
export interface HostTrace {
  joinedAtMs: number
  /** Time at which each further twentieth of the content was here; as many as are so far. */
  readonly stepAtMs: number[]
}

/** The course of a run, small enough to be kept for every host. */
export class Trace {
  readonly hosts = new Map<number, HostTrace>()
  /** `host` is absent for what happens to the SuperNode. */
  readonly marks: { mark: TraceMark; atMs: number; host?: number }[] = []

  joined(host: number, atMs: number): void {
    this.hosts.set(host, { joinedAtMs: atMs, stepAtMs: [] })
  }

  /** `part`: of the content that the host has now, 0–1. */
  progress(host: number, part: number, atMs: number): void {
    const steps = this.hosts.get(host)?.stepAtMs
    if (steps === undefined) return
    while (steps.length < STEPS && part >= (steps.length + 1) / STEPS) steps.push(atMs)
  }

  mark(mark: TraceMark, atMs: number, host?: number): void {
    this.marks.push({ mark, atMs, ...(host !== undefined && { host }) })
  }

  /** Forgets the content before: the picture is of the last. */
  restart(): void {
    this.hosts.clear()
    this.marks.length = 0
  }
}
