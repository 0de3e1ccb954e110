import { defineConfig } from 'vitest/config'

const resolve = { conditions: ['df-source'] }
const ssr = { resolve: { conditions: ['df-source'] } }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 20_000,
          // Most of them wait for sockets and files more than they compute.
          maxWorkers: 3,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          // Real engines on two cores: what starved once is tried once more; the report still tells of it.
          retry: 1,
          include: ['test/{e2e,compat,chaos}/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        // Builds Kubernetes first, which takes ten minutes: not part of `npm test`.
        test: {
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
