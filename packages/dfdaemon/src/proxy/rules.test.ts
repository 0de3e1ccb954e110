import { isAppError } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { ProxyRules } from './rules.ts'

describe('rules', () => {
  it('decide by the first that matches, and say nothing when none does', () => {
    const decide = decider('^https?://files\\.lan/ swarm', '\\.iso$ refuse', 'files direct')
    expect(decide('http://files.lan/a.iso')).toEqual(['swarm', 'http://files.lan/a.iso'])
    expect(decide('http://other.lan/a.iso')).toEqual(['refuse', 'http://other.lan/a.iso'])
    expect(decide('http://other.lan/files')).toEqual(['direct', 'http://other.lan/files'])
    expect(decide('http://other.lan/')).toEqual([undefined, 'http://other.lan/'])
  })

  it('rewrite the host, its port with it, and the scheme, and may say the way too', () => {
    const decide = decider(
      '^http://old\\.lan host=new.lan:8080',
      '^http://plain\\. https',
      '^http://both\\. host=new.lan https swarm',
      '^http://v6\\. host=[::1]:81',
    )
    expect(decide('http://old.lan:5000/x?y')).toEqual([undefined, 'http://new.lan:8080/x?y'])
    expect(decide('http://plain.lan/x')).toEqual([undefined, 'https://plain.lan/x'])
    expect(decide('http://both.lan:81/x')).toEqual(['swarm', 'https://new.lan/x'])
    expect(decide('http://v6.lan/x')).toEqual([undefined, 'http://[::1]:81/x'])
  })

  it.each([
    ['^http:// ', /rule 1 '\^http:\/\/': has no action; write REGEXP ACTION/],
    ['( swarm', /rule 1 '\( swarm': Invalid regular expression.*; mend the regular expression/],
    ['x swram', /there is no action 'swram'; did you mean swarm\?/],
    ['x swarm direct', /says both swarm and direct/],
    ['x host=', /'host=' names no host/],
    ['x host=a/b', /names no host/],
    ['x refuse https', /rewrites what it refuses/],
  ])('%j is refused in words', (text, words) => {
    expect(complaint(text)).toMatch(words)
  })
})

function decider(...texts: string[]) {
  const rules = new ProxyRules(texts)
  return (url: string) => {
    const decision = rules.decide(new URL(url))
    return [decision.way, decision.url.href]
  }
}

function complaint(text: string): string {
  try {
    new ProxyRules([text])
    return 'taken'
  } catch (error) {
    if (isAppError(error, 'CONFIG_INVALID')) return `${error.message}; ${error.hint}`
    throw error
  }
}
