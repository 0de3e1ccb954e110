import type { ConfigDefinition } from './define.ts'
import { describeValue } from './print.ts'
import type { Setting } from './setting.ts'

type Definition = ConfigDefinition<never>

/** Markdown: every key with its flag, variable, default and meaning. */
export function configReference(definition: Definition): string {
  const { program, envPrefix, settings } = definition
  const rows = settings.map((setting) => {
    const cells = [
      `\`${setting.key}\``,
      `\`${setting.flag}\``,
      `\`${setting.env}\`${setting.secret ? `, \`${setting.env}_FILE\`` : ''}`,
      `\`${valueForm(setting)}\``,
      defaultOf(setting) ?? (isNeeded(setting) ? 'required' : '–'),
      `${setting.description}${setting.reloadable ? ' (reloadable)' : ''}`,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [
    `# Configuration of ${program}`,
    '',
    `Default < file (\`--config FILE\` or \`${envPrefix}_CONFIG\`; YAML, TOML or JSON by its extension) < environment < flag.`,
    'Lists: a repeated flag, or commas. Maps: a repeated flag `NAME=VALUE`; in the environment, commas.',
    'Reloadable keys are taken over on SIGHUP.',
    '',
    '| Key | Flag | Environment | Value | Default | Meaning |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** The text of `--help`. */
export function helpText(definition: Definition): string {
  const { program, summary, settings, examples } = definition
  const flags = [
    ...settings.map((setting): [string, string] => {
      const form =
        setting.kind === 'switch' && setting.shape === 'one' ? '' : ` ${valueForm(setting)}`
      return [`${setting.flag}${form}`, `${setting.description}${remark(setting)}`]
    }),
    ['--config FILE', 'read settings from a YAML, TOML or JSON file'] as const,
    ['--help', 'print this'] as const,
    ['--version', 'print the version'] as const,
  ]
  const width = Math.max(...flags.map(([flag]) => flag.length))
  return [
    ...(summary === '' ? [] : [summary, '']),
    'Usage:',
    `  ${program} [FLAG]…                     run`,
    `  ${program} config print|check [FLAG]…  show or check the configuration`,
    `  ${program} config reference            every setting, as Markdown`,
    '',
    'Flags:',
    ...flags.map(([flag, meaning]) => `  ${flag.padEnd(width)}  ${meaning}`),
    ...(examples.length === 0 ? [] : ['', 'Examples:']),
    ...examples.flatMap(([command, effect]) => [`  # ${effect}`, `  ${command}`]),
    '',
  ].join('\n')
}

function valueForm(setting: Setting): string {
  return `${setting.placeholder}${setting.shape === 'one' ? '' : '…'}`
}

function remark(setting: Setting): string {
  const fallback = defaultOf(setting)
  if (fallback !== undefined) return ` (default ${fallback})`
  return isNeeded(setting) ? ' (required)' : ''
}

function isNeeded(setting: Setting): boolean {
  return setting.required && setting.default === undefined
}

function defaultOf(setting: Setting): string | undefined {
  if (setting.defaultText !== undefined) return setting.defaultText
  const value = setting.default
  if (value === undefined || value === false) return undefined
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return undefined
  return describeValue(setting, value)
}
