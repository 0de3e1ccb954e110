import { taskIdOf } from '@df/codec'
import { canonicalUrl } from '@df/proto'
import { describe, expect, test } from 'vitest'
import type { OpenSource } from './engine.ts'
import { joinMessage } from './swarm-messages.ts'

const signature =
  'X-Amz-Date=20260102T030405Z&X-Amz-Expires=600&X-Amz-Credential=the-key&X-Amz-Signature=the-secret'
const source: OpenSource = {
  url: `https://bucket.test/a%2Fb?versionId=7&${signature}&token=the-token`,
  headers: { authorization: 'Bearer the-password' },
  filterQuery: ['token'],
}

function join(secure: boolean) {
  const { url, filterQuery = [] } = source
  const identity = { kind: 'url' as const, canonicalUrl: canonicalUrl(url, { filterQuery }) }
  const facts = { generation: undefined, held: undefined, secure }
  return joinMessage({ task: taskIdOf(identity), identity, source, ...facts })
}

describe('the join of a task', () => {
  test('tells the SuperNode the caller’s credentials over a link that keeps them', () => {
    const { url, headers } = source
    expect(join(true).source).toEqual({ url, headers })
  })

  test('keeps them to itself over a plain link, also those in the query', () => {
    expect(join(false).source).toEqual({ url: 'https://bucket.test/a%2Fb?versionId=7' })
    expect(JSON.stringify(join(false))).not.toContain('the-')
  })

  test('never has credentials in what names the content', () => {
    expect(JSON.stringify(join(true).identity)).not.toContain('the-')
  })
})
