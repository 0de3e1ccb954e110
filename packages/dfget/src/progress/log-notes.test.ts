import { expect, test } from 'vitest'
import { createNoteLogger } from './log-notes.ts'

test('warnings become notes, without secrets; the rest is not told', () => {
  const notes: string[] = []
  const logger = createNoteLogger((text) => notes.push(text))
  logger.info('session is up')
  logger.warn('something happened')
  const err = new Error('connect to http://me:pw@s:1/x?sig=hidden failed')
  logger.warn({ supernode: 'http://s:1', err }, 'session failed')
  expect(notes).toEqual([
    'dfget: something happened',
    'dfget: session failed (http://s:1): connect to http://s:1/x?[redacted] failed',
  ])
})
