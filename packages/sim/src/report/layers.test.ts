import { expect, it } from 'vitest'
import { LayerProgress } from './layers.ts'

it('a layer counts when all before it are whole', () => {
  const layers = new LayerProgress(3, 6)
  layers.stored(2, 10)
  layers.stored(3, 20)
  layers.stored(0, 30)
  expect(layers.wholeAtMs).toEqual([])
  layers.stored(1, 40)
  expect(layers.wholeAtMs).toEqual([40, 40])
  layers.stored(5, 50)
  layers.stored(4, 60)
  expect(layers.wholeAtMs).toEqual([40, 40, 60])
})

it('layers that do not come out even share the pieces among them', () => {
  const layers = new LayerProgress(3, 7)
  for (let index = 0; index < 7; index++) layers.stored(index, index)
  expect(layers.wholeAtMs).toEqual([2, 4, 6])
  expect([0, 1, 2].map((layer) => layers.shareUpTo(layer))).toEqual([3 / 7, 5 / 7, 1])
})

it('there are no layers without a piece', () => {
  expect(() => new LayerProgress(20, 10)).toThrow(RangeError)
})
