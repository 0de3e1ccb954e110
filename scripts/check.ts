import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isCountable, type Tally, tallyOf } from './tally.ts'

/**
 * Everything that must hold, in one command: `node scripts/check.ts` is `npm run check`; with `--e2e` it is
 * `npm test`, which also installs what the end-to-end tests need (root, Debian) and runs them. All steps run, also after
 * a failure; the last line says `N passed, N failed`, where each step that is not a test run counts as one.
 */
const root = join(import.meta.dirname, '..')
const reports = join(root, 'node_modules/.cache/reports')

const steps: [name: string, command: string[]][] = [
  ['lock file', ['node', 'scripts/check-lock.ts']],
  ['build', ['npm', 'run', '--silent', 'build']],
  ['types', ['npm', 'run', '--silent', 'types']],
  ['lint', ['npm', 'run', '--silent', 'lint']],
  ['format', ['npm', 'run', '--silent', 'format:check']],
  ['dead code', ['npm', 'run', '--silent', 'dead']],
  ['reference', ['npm', 'run', '--silent', 'docs', '--', '--check']],
]

const total: Tally = { passed: 0, failed: 0 }
const e2e = process.argv.includes('--e2e')
mkdirSync(reports, { recursive: true })

if (e2e) step('test dependencies', ['scripts/install-test-deps.sh'])
for (const [name, command] of steps) step(name, command)
tests('unit')
if (e2e) tests('e2e')

console.log(`${total.passed} passed, ${total.failed} failed`)
if (total.failed > 0) process.exitCode = 1

function step(name: string, command: string[]) {
  count(run(name, command) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
}

function tests(project: string) {
  const report = join(reports, `${project}.json`)
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const succeeded = run(`${project} tests`, ['vitest', 'run', '--project', project, ...reporters])
  count(tallyOf(readReport(report), succeeded))
}

function run(name: string, [program = '', ...args]: string[]): boolean {
  console.log(`\n── ${name}`)
  const startedAt = Date.now()
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` },
  })
  if (error) console.error(error.message)
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  console.log(`── ${name}: ${status === 0 ? 'right' : 'WRONG'}, ${seconds} s`)
  return status === 0
}

function readReport(path: string) {
  try {
    const report: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isCountable(report) ? report : undefined
  } catch {
    return undefined
  }
}

function count({ passed, failed }: Tally) {
  total.passed += passed
  total.failed += failed
}
