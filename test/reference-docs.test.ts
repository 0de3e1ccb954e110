import { expect, test } from 'vitest'
import { markdownTable } from '../scripts/docs/markdown-table.ts'
import { shapeOf } from '../scripts/docs/schema-shape.ts'

test('a schema is shown in a short form, optional parts with a question mark', () => {
  const shape = shapeOf({
    type: 'object',
    required: ['state'],
    properties: {
      state: { anyOf: [{ const: 'running' }, { const: 'failed' }] },
      hosts: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } },
      labels: { type: 'object', patternProperties: { '^.*$': { type: 'string' } } },
      free: {},
    },
  })
  expect(shape).toBe(`{
  state: 'running' | 'failed'
  hosts?: [{
    id?: string
  }]
  labels?: { NAME: string }
  free?: anything
}`)
})

test('a bar in a cell does not end it', () => {
  expect(markdownTable(['A'], [['x|y']])).toEqual(['| A |', '|---|', '| x\\|y |', ''])
})
