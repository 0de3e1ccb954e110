import type { Flag } from './flags.ts'

/** What can be done with preheats that were ordered. */
export const preheatActions = ['ls', 'show', 'cancel'] as const

const what = 'What to fetch:'
const where = 'To where:'
const rights = 'Rights:'
const supernode = 'SuperNode:'
const told = 'What is told:'

const supernodeFlags: readonly Flag[] = [
  {
    name: 'supernode',
    value: 'URL',
    group: supernode,
    help: 'the SuperNode (default: http://127.0.0.1:8002)',
  },
  {
    name: 'supernode-ca',
    value: 'FILE',
    group: supernode,
    help: 'authority (PEM) that signed the certificate of an https:// SuperNode',
  },
  {
    name: 'operator-token-file',
    value: 'FILE',
    group: supernode,
    help: "the SuperNode's operator token, needed from other hosts (default: in DFGET_OPERATOR_TOKEN)",
  },
]

const json: Flag = {
  name: 'json',
  group: told,
  help: 'for programs, one JSON object per line on standard output',
}

export const preheatJobFlags: readonly Flag[] = [...supernodeFlags, json]

export const preheatFlags: readonly Flag[] = [
  {
    name: 'platform',
    value: 'OS/ARCH[,OS/ARCH]',
    repeats: true,
    group: what,
    help: "of an image's platforms these, such as linux/amd64 or linux/arm64/v8 (default: all)",
  },
  {
    name: 'referrers',
    group: what,
    help: 'also what refers to the images: signatures, SBOMs',
  },
  {
    name: 'registry',
    value: 'HOST=URL',
    repeats: true,
    group: what,
    help: 'where the registry that images call HOST is; others are at https://HOST',
  },
  {
    name: 'digest',
    value: 'sha256:HEX',
    group: what,
    help: 'of a single URL: the digest the content must have',
  },
  {
    name: 'filter-query',
    value: 'NAME[,NAME]',
    repeats: true,
    group: what,
    help: 'of URLs: query parameters that do not decide the content, such as signatures',
  },
  {
    name: 'tag',
    value: 'WORD',
    group: what,
    help: 'of URLs: keeps downloads of one URL apart that are not the same content',
  },
  {
    name: 'application',
    value: 'WORD',
    group: what,
    help: 'likewise, for a whole application',
  },
  {
    name: 'share',
    value: 'PERCENT',
    group: where,
    help: 'so many of the hosts, such as 50% or 100% (default: without --label and --host, the SuperNode alone)',
  },
  {
    name: 'label',
    value: 'KEY=VALUE',
    repeats: true,
    group: where,
    help: 'hosts whose dfdaemon has this label; with several, all of them',
  },
  {
    name: 'host',
    value: 'ID',
    repeats: true,
    group: where,
    help: 'this host, by the id that /api/v1/hosts tells',
  },
  {
    name: 'username',
    value: 'NAME',
    group: rights,
    help: "for the images' registry (default: the logins of docker and podman, with their helpers)",
  },
  {
    name: 'password-stdin',
    group: rights,
    help: 'read the password for --username from standard input',
  },
  {
    name: 'header',
    value: "'K: V'",
    repeats: true,
    group: rights,
    help: 'sent to the origin of URLs, such as Authorization; never stored or printed',
  },
  ...supernodeFlags,
  {
    name: 'no-wait',
    group: told,
    help: 'only order it and print its id',
  },
  {
    name: 'timeout',
    value: 'DURATION',
    group: told,
    help: 'follow it for so long, such as 10m; it goes on all the same',
  },
  { name: 'no-progress', group: told, help: 'only what has ended' },
  json,
]
