import type { CommandContext } from '../command-context.ts'
import { jobLine, jobLines } from '../preheat/job-text.ts'
import type { Operands } from './command-line.ts'
import { openPreheatClient } from './open-preheat-client.ts'
import { parsePreheatJobsOptions } from './preheat-options.ts'

/**
 * `dfget preheat ls`, `show ID` and `cancel ID…`.
 * @throws AppError USAGE, TASK_NOT_FOUND, SUPERNODE_UNREACHABLE, FORBIDDEN
 */
export async function preheatJobs(line: Operands, context: CommandContext): Promise<void> {
  const options = parsePreheatJobsOptions(line)
  const { stdout, stderr } = context
  const client = await openPreheatClient(options, context, (text) => stderr.write(`${text}\n`))
  const write = (texts: readonly string[]) => {
    for (const text of texts) stdout.write(`${text}\n`)
  }
  try {
    switch (options.action) {
      case 'ls': {
        const jobs = await client.list()
        write(jobs.map((job) => (options.json ? JSON.stringify(job) : jobLine(job))))
        return
      }
      case 'show': {
        const job = await client.job(options.ids[0] ?? '')
        write(options.json ? [JSON.stringify(job)] : jobLines(job))
        return
      }
      case 'cancel':
        for (const id of options.ids) {
          await client.cancel(id)
          write([options.json ? JSON.stringify({ id, cancelled: true }) : `${id}  cancelled`])
        }
        return
    }
  } finally {
    await client.close()
  }
}
