import { readdir, readFile, readlink } from 'node:fs/promises'

export interface Listener {
  /** undefined when this user may not see it. */
  pid: number | undefined
  /** The command's name. */
  command: string | undefined
}

const LISTEN_STATE = '0A'

/** The inodes of sockets that listen on a TCP port, of the text of /proc/net/tcp or tcp6 (proc_net_tcp.txt). */
export function listeningInodes(table: string, port: number): string[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTEN_STATE && portOf(local) === port)
    .flatMap(([, , , , , , , , , inode]) => (inode === undefined ? [] : [inode]))
}

/** Who listens on a TCP port of this machine, on whatever address; undefined when nobody does. */
export async function listenerOf(port: number): Promise<Listener | undefined> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  )
  const inodes = tables.flatMap((table) => listeningInodes(table, port))
  if (inodes.length === 0) return undefined
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`))
  for (const pid of await processes()) {
    if (await holds(pid, wanted)) return { pid, command: await commandOf(pid) }
  }
  return { pid: undefined, command: undefined }
}

/** Ids of the processes of this machine. */
export async function processes(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}

export async function commandOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return text.trim() || undefined
}

export function describeListener({ pid, command }: Listener): string {
  if (pid === undefined) return 'another program (root sees which)'
  return `${command ?? 'a program'} (process ${pid})`
}

async function holds(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => [])
  const links = await Promise.all(
    names.map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  )
  return links.some((link) => sockets.has(link))
}

function portOf(local: string): number {
  return Number.parseInt(local.split(':')[1] ?? '', 16)
}
