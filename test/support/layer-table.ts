/** Which packages (names without scope) a package may import. */
export type LayerTable = ReadonlyMap<string, ReadonlySet<string>>

interface Row {
  layer: string
  name: string
  mayImport: string
}

/**
 * Reads the table under "## Map" of ARCHITECTURE.md: `| 2 | \`oci\` | what it holds | kit codec proto |`.
 * The last column is `–`, a list of packages, or `layers 0–2`.
 * @throws Error when there is no such table or it names an unknown package
 */
export function readLayerTable(markdown: string): LayerTable {
  const rows = [...markdown.matchAll(/^\| (\w+) \| `(\w+)` \|.*\| ([^|]+) \|$/gm)].map(
    ([, layer = '', name = '', mayImport = '']): Row => ({ layer, name, mayImport }),
  )
  if (rows.length === 0) throw new Error('no table of layers found')
  return new Map(rows.map((row) => [row.name, allowedFor(row, rows)]))
}

function allowedFor(row: Row, rows: readonly Row[]): Set<string> {
  const range = /^layers (\d)–(\d)$/.exec(row.mayImport)
  if (range) {
    const [, first = '', last = ''] = range
    return new Set(
      rows
        .filter(({ layer, name }) => layer >= first && layer <= last && name !== row.name)
        .map(({ name }) => name),
    )
  }
  const names = row.mayImport === '–' ? [] : row.mayImport.split(' ')
  for (const name of names)
    if (!rows.some((known) => known.name === name)) throw new Error(`unknown package ${name}`)
  return new Set(names)
}
