import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A package of npm as it lies in node_modules. */
export interface InstalledPackage {
  folder: string
}

/** SPDX expressions that let us ship a package's code inside ours, with its notice. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
])

/** One sentence for each package that may not be shipped inside ours. */
export function refusedLicences(packages: readonly InstalledPackage[]): string[] {
  return packages
    .map(({ folder }) => manifestOf(folder))
    .filter(({ license }) => license === undefined || !allowed.has(license))
    .map(({ name, license }) => `${name} is under ${license ?? 'no licence that it names'}`)
}

/** All notices in one text: that of each package, and of foreign code that it has inside. */
export function licenceTexts(packages: readonly InstalledPackage[]): string {
  const sections = packages.map(({ folder }) => {
    const { name, version, license } = manifestOf(folder)
    const notices = noticeFiles(folder).map((file) => {
      const inside = file.includes('/') ? `(${file})\n\n` : ''
      return `${inside}${readFileSync(join(folder, file), 'utf8').trim()}`
    })
    return [`${name} ${version} (${license})`, ...notices].join('\n\n')
  })
  const unique = [...new Set(sections)].toSorted()
  return ['Code of others that this program has inside', ...unique].join(`\n\n${'─'.repeat(80)}\n`)
}

/** Paths below the package's folder. */
function noticeFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => !file.includes('node_modules/'))
    .filter((file) => /(^|\/)(licen[cs]e|copying|notice)([-.][\w.]+)?$/i.test(file))
    .toSorted()
}

function manifestOf(folder: string): { name: string; version: string; license?: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
