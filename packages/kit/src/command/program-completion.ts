import type { ConfigDefinition } from '../config/define.ts'
import type { Setting } from '../config/setting.ts'
import type { CompletedCommand, CompletedFlag } from './completion.ts'
import type { Command } from './define-command.ts'

const help: CompletedFlag = { flag: '--help', short: '-h', value: 'none', help: 'print this' }
const version: CompletedFlag = { flag: '--version', value: 'none', help: 'print the version' }
const config: CompletedFlag = {
  flag: '--config',
  value: 'path',
  help: 'read settings from a YAML, TOML or JSON file',
}

/** What `NAME config` can do. */
export const configCommands: readonly string[] = ['print', 'check', 'reference']

/** What can be written after the name of a program made with `runProgram`. */
export function programCompletion(
  definition: ConfigDefinition<never>,
  commands: readonly Command[],
): CompletedCommand[] {
  const settings = [...definition.settings.map(flagOf), config]
  const names = commands.map(({ name }) => name)
  return [
    {
      words: [],
      flags: [...settings, help, version],
      operands: [...names, 'config', 'completion'],
    },
    ...commands.map(({ name, settings: own, programSettings, operands }) => ({
      words: [name],
      flags: [
        ...[...own, ...programSettings].map(flagOf),
        ...(programSettings.length === 0 ? [] : [config]),
        help,
      ],
      operands: operands?.choices ?? [],
    })),
    { words: ['config'], flags: [], operands: configCommands },
    ...configCommands.map((word) => ({ words: ['config', word], flags: settings, operands: [] })),
    { words: ['completion'], flags: [], operands: ['bash', 'zsh'] },
  ]
}

function flagOf({ flag, kind, shape, choices, unit, description }: Setting): CompletedFlag {
  const isSwitch = kind === 'switch' && shape === 'one'
  const value = unit === 'path' ? 'path' : kind === 'choice' ? choices : 'text'
  return { flag, value: isSwitch ? 'switch' : value, help: description }
}
