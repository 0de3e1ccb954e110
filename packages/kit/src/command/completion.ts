import { AppError } from '@df/proto'
import { nearest } from '../config/nearest.ts'

/**
 * What the value of a flag is: nothing, nothing or `=true|false` (a switch), a path, a word of a list, or anything else.
 */
export type CompletedValue = 'none' | 'switch' | 'path' | 'text' | readonly string[]

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

/** How a shell completes the value of a flag; `text` leaves it to the user. */
interface ValueCases {
  path: string
  text: string
  words(words: readonly string[]): string
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
  local cur=\${COMP_WORDS[COMP_CWORD]} prev at='' word glue='' i last=0
  local -a line=("$1")
  COMPREPLY=()
  # bash takes --flag=value and host:port for three words each.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $word == [=:]* && $word != *[!=:]* ]]; then line[last]+=$word glue=1
    elif [[ -n $glue ]]; then line[last]+=$word glue=''
    else line[++last]=$word
    fi
  done
  [[ $cur == = ]] && cur=''
  prev=\${line[last-1]}
  [[ \${line[last]} == --*=* ]] && prev=\${line[last]%%=*}=
  for ((i = 1; i < last; i++)); do
    case "$at \${line[i]}" in
${walkCases(commands, '      ')}
      *) [[ \${line[i]} == -* ]] || break ;;
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
    return `    ${quoted(at(words))})
      if [[ $cur == -* ]]; then ${reply(flags.flatMap(namesOf))}
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
    prev=\${PREFIX%%=*}=
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
${walkCases(commands, '      ')}
      *) [[ \${words[i]} == -* ]] || break ;;
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
    const lines = flags.flatMap((flag) => namesOf(flag).map((name) => described(name, flag.help)))
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

/** Which words lead to a command, and which flags have the word after them for their value. */
function walkCases(commands: readonly CompletedCommand[], indent: string): string {
  const steps = commands
    .filter(({ words }) => words.length > 0)
    .map(({ words }) => `${indent}${quoted(at(words))}) at=${quoted(at(words))} ;;`)
  const values = commands.flatMap(({ words, flags }) =>
    flags
      .filter(takesNextWord)
      .flatMap(namesOf)
      .map((name) => quoted(`${at(words)} ${name}`)),
  )
  return [
    ...steps,
    ...(values.length === 0 ? [] : [`${indent}${values.join('|')}) ((++i)) ;;`]),
  ].join('\n')
}

function takesNextWord({ value }: CompletedFlag): boolean {
  return value !== 'none' && value !== 'switch'
}

function namesOf({ flag, short }: CompletedFlag): string[] {
  return short === undefined ? [flag] : [flag, short]
}

/** What is done after a flag that has a value, and after `--flag=`. */
function valueCases(
  commands: readonly CompletedCommand[],
  indent: string,
  done: ValueCases,
): string {
  return commands
    .flatMap(({ words, flags }) =>
      flags.map((flag) => {
        const names = [...(takesNextWord(flag) ? namesOf(flag) : []), `${flag.flag}=`]
        const patterns = names.map((name) => quoted(`${at(words)} ${name}`)).join('|')
        return `${indent}${patterns}) ${valueCase(flag.value, done)} ;;`
      }),
    )
    .join('\n')
}

function valueCase(value: CompletedValue, done: ValueCases): string {
  if (value === 'path') return done.path
  if (value === 'switch') return done.words(['true', 'false'])
  return typeof value === 'string' ? done.text : done.words(value)
}

function at(words: readonly string[]): string {
  return words.map((word) => ` ${word}`).join('')
}

/** One word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
