import { expect, test } from 'vitest'
import { judgeOwnPeer, judgePeers, type OwnPeerFacts } from './peers-check.ts'
import type { WebFacts } from './web-probe.ts'

const url = 'http://10.0.0.7:65002'
const well: WebFacts = { url: `${url}/healthz`, status: 200, body: 'ok\n' }
const lost: WebFacts = {
  url: `${url}/healthz`,
  failure: { stage: 'connect', code: 'TIMEOUT' },
  body: '',
}
const own: OwnPeerFacts = { url, answer: well, runs: true, isTold: true }

test('a peer port that answers where other hosts are sent is well', () => {
  expect(judgeOwnPeer(own)).toMatchObject([{ level: 'ok' }])
})

test('one that does not is an error that names the two flags', () => {
  expect(judgeOwnPeer({ ...own, answer: lost })).toEqual([
    {
      level: 'error',
      message: '10.0.0.7:65002: what other hosts are told, does not answer (TIMEOUT)',
      mend: 'give --advertise an address of this host and --peer-listen 0.0.0.0:65002; now it is 10.0.0.7',
    },
  ])
})

test('without a dfdaemon there is nobody who could answer', () => {
  expect(judgeOwnPeer({ ...own, answer: lost, runs: false, isTold: false })).toEqual([
    {
      level: 'skipped',
      message: '10.0.0.7:65002: what other hosts would be told; no dfdaemon runs that could answer',
    },
  ])
})

test('other hosts that cannot be reached are warned of one by one', () => {
  const peers = [
    { url, answer: lost },
    { url: 'http://10.0.0.8:65002', answer: well },
  ]
  expect(judgePeers('http://s', peers, 2)).toEqual([
    {
      level: 'warning',
      message: '10.0.0.7:65002: the peer port of another host does not answer (TIMEOUT)',
      mend: 'open TCP port 65002 to 10.0.0.7, or mend --advertise there',
    },
  ])
})

test('of many hosts some are asked, and how many is told', () => {
  expect(judgePeers('http://s', [{ url, answer: well }], 40)).toEqual([
    { level: 'ok', message: '1 of 40 other hosts asked: their peer ports answer' },
  ])
  expect(judgePeers('http://s', [], 0)).toMatchObject([{ level: 'ok' }])
})
