import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import type { Edit } from './edits.ts'

const CONTEXT_LINES = 3

/** Settings beside ours that hold passwords: logins of registries in containerd's configuration, for one. */
const secrets = /((?:password|auth|token|secret)"?\s*[=:]\s*)(["']).*?\2/gi

/** The edits as a unified diff, without the passwords that stand in it. */
export function diffText(edits: readonly Edit[]): string {
  return edits.map(patchOf).join('').replace(secrets, '$1$2…$2')
}

function patchOf({ path, before, after }: Edit): string {
  const oldName = before === undefined ? '/dev/null' : path
  const newName = after === undefined ? '/dev/null' : path
  return createTwoFilesPatch(oldName, newName, before ?? '', after ?? '', undefined, undefined, {
    context: CONTEXT_LINES,
    headerOptions: FILE_HEADERS_ONLY,
  })
}
