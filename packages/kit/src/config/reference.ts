import type { Command } from '../command/define-command.ts'
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

type Line = readonly [left: string, right: string]

const EXIT_CODES =
  'Exit codes: 0 done, 2 wrong usage or configuration; all in docs/reference/exit-codes.md.'
const configFlag: Line = ['--config FILE', 'read settings from a YAML, TOML or JSON file']
const helpFlag: Line = ['--help', 'print this']

/** The text of a program's `--help`. */
export function helpText(definition: Definition, commands: readonly Command[] = []): string {
  const { program, summary, settings, examples } = definition
  const usages: Line[] = [
    [`${program} [FLAG]…`, 'run'],
    [`${program} config print|check [FLAG]…`, 'show or check the configuration'],
    [`${program} config reference`, 'every setting, as Markdown'],
    [`${program} completion bash|zsh`, 'a script for the shell'],
    ...commands.map((command): Line => [commandUsage(program, command), command.summary]),
  ]
  const versionFlag: Line = ['--version', 'print the version']
  return [
    ...(summary === '' ? [] : [summary, '']),
    'Usage:',
    ...columns(usages),
    '',
    'Flags:',
    ...columns([...settings.map(flagLine), configFlag, helpFlag, versionFlag]),
    '',
    EXIT_CODES,
    ...exampleLines(examples),
    '',
  ].join('\n')
}

/** The text of `--help` of one of a program's commands. */
export function commandHelpText(program: string, command: Command): string {
  const { summary, settings, programSettings, examples } = command
  return [
    summary,
    '',
    'Usage:',
    `  ${commandUsage(program, command)}`,
    '',
    'Flags:',
    ...columns([...settings.map(flagLine), helpFlag]),
    ...(programSettings.length === 0
      ? []
      : ['', `Flags of ${program}:`, ...columns([...programSettings.map(flagLine), configFlag])]),
    '',
    EXIT_CODES,
    ...exampleLines(examples),
    '',
  ].join('\n')
}

function commandUsage(program: string, { name, operands }: Command): string {
  return [program, name, ...(operands === undefined ? [] : [operands.form]), '[FLAG]…'].join(' ')
}

function flagLine(setting: Setting): Line {
  const form = setting.kind === 'switch' && setting.shape === 'one' ? '' : ` ${valueForm(setting)}`
  return [`${setting.flag}${form}`, `${setting.description}${remark(setting)}`]
}

function columns(lines: readonly Line[]): string[] {
  const width = Math.max(...lines.map(([left]) => left.length))
  return lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

function exampleLines(examples: readonly Line[]): string[] {
  if (examples.length === 0) return []
  return ['', 'Examples:', ...examples.flatMap(([line, effect]) => [`  # ${effect}`, `  ${line}`])]
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
