import { AppError } from '@df/proto'
import { nearest } from '../config/nearest.ts'

/** What the value of a flag is: nothing (a switch), a path, a word of a list, or anything else. */
export type CompletedValue = 'none' | 'path' | 'text' | readonly string[]

export interface CompletedFlag {
  /** `--output` */
  flag: string
  /** `-O` */
  short?: string
  value: CompletedValue
  /** One line. */
  help: string
}

/** What can follow some words of a command line. */
export interface CompletedCommand {
  /** `[]` for the program itself, `['config', 'print']` for a command of a command. */
  words: readonly string[]
  flags: readonly CompletedFlag[]
  /** Commands, or operands of a closed set. */
  operands: readonly string[]
}

const shells = ['bash', 'zsh'] as const

/**
 * The script that makes a shell complete a program's command lines. It asks the program nothing when it runs.
 * @throws AppError USAGE for another shell
 */
export function completionScript(
  program: string,
  words: readonly string[],
  commands: readonly CompletedCommand[],
): string {
  const [shell = ''] = words
  if (shell === 'bash') return bashScript(program, commands)
  if (shell === 'zsh') return zshScript(program, commands)
  const meant = nearest(shell, shells)
  throw new AppError(
    'USAGE',
    shell === '' ? 'completion needs the name of a shell' : `no completion for '${shell}'`,
    { hint: `write ${program} completion ${meant ?? shells.join('|')}` },
  )
}

/** Programmable completion: bash manual §8.6. */
function bashScript(program: string, commands: readonly CompletedCommand[]): string {
  const name = `_${program}`
  const reply = (words: readonly string[]) =>
    `mapfile -t COMPREPLY < <(compgen -W ${quoted(words.join(' '))} -- "$cur")`
  return `# bash completion of ${program}: source <(${program} completion bash)
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' i
  COMPREPLY=()
  # bash takes --flag=value for three words.
  if [[ $cur == = ]]; then cur=''
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
${commandCases(commands, '      ')}
      *) break ;;
    esac
  done
  case "$at $prev" in
${valueCases(commands, '    ', {
  path: `mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2> /dev/null; return`,
  words: (words) => `${reply(words)}; return`,
  text: 'return',
})}
  esac
  case "$at" in
${commands
  .map(({ words, flags, operands }) => {
    const names = flags.flatMap(({ flag, short }) => [
      flag,
      ...(short === undefined ? [] : [short]),
    ])
    return `    ${quoted(at(words))})
      if [[ $cur == -* ]]; then ${reply(names)}
      else ${reply(operands)}
      fi ;;`
  })
  .join('\n')}
  esac
}
complete -F ${name} ${program}
`
}

/** The completion system: zshcompsys(1). */
function zshScript(program: string, commands: readonly CompletedCommand[]): string {
  const name = `_${program}`
  const described = (flag: string, help: string) => quoted(`${flag.replaceAll(':', '\\:')}:${help}`)
  return `#compdef ${program}
# zsh completion of ${program}: source <(${program} completion zsh), or as the file ${name} in a folder of $fpath
${name}() {
  local prev=\${words[CURRENT-1]} at='' i
  local -a flags operands
  if [[ $PREFIX == --*=* ]]; then
    prev=\${PREFIX%%=*}
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
${commandCases(commands, '      ')}
      *) break ;;
    esac
  done
  case "$at $prev" in
${valueCases(commands, '    ', {
  path: '_files; return',
  words: (words) => `compadd -- ${words.map(quoted).join(' ')}; return`,
  text: 'return',
})}
  esac
  case "$at" in
${commands
  .map(({ words, flags, operands }) => {
    const lines = flags.flatMap(({ flag, short, help }) => [
      described(flag, help),
      ...(short === undefined ? [] : [described(short, help)]),
    ])
    return `    ${quoted(at(words))})
      flags=(${lines.join(' ')})
      operands=(${operands.map(quoted).join(' ')}) ;;`
  })
  .join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then _describe -o flag flags
  else compadd -- $operands
  fi
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`
}

/** Which words lead to a command. */
function commandCases(commands: readonly CompletedCommand[], indent: string): string {
  return commands
    .filter(({ words }) => words.length > 0)
    .map(({ words }) => `${indent}${quoted(at(words))}) at=${quoted(at(words))} ;;`)
    .join('\n')
}

/** What is done after a flag that has a value. */
function valueCases(
  commands: readonly CompletedCommand[],
  indent: string,
  done: { path: string; text: string; words(words: readonly string[]): string },
): string {
  return commands
    .flatMap(({ words, flags }) =>
      flags
        .filter(({ value }) => value !== 'none')
        .map(({ flag, short, value }) => {
          const names = [flag, ...(short === undefined ? [] : [short])]
          const patterns = names.map((name) => quoted(`${at(words)} ${name}`)).join('|')
          const what = value === 'path' || value === 'text' ? done[value] : undefined
          return `${indent}${patterns}) ${what ?? done.words(value as readonly string[])} ;;`
        }),
    )
    .join('\n')
}

function at(words: readonly string[]): string {
  return words.map((word) => ` ${word}`).join('')
}

/** One word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
