import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'
import { Daemon } from './daemon.ts'

export interface NginxOptions {
  /** Its configuration, logs and temporary files. */
  directory: string
  /** What stands in its `http` section. */
  http: string
  /** Answers once it is there. */
  url: string
}

/** Debian's nginx with a configuration of one's own. */
export async function startNginx({ directory, http, url }: NginxOptions): Promise<Daemon> {
  await mkdir(directory, { recursive: true })
  const configPath = join(directory, 'nginx.conf')
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const lines = [
    // Folders of tests are readable for their owner only.
    'user root; daemon off; pid nginx.pid; worker_processes 1; events {}',
    'http {',
    `  access_log ${join(directory, 'access.log')};`,
    ...folders.map((name) => `  ${name}_temp_path ${join(directory, name)};`),
    http,
    '}',
  ]
  await writeFile(configPath, lines.join('\n'))
  const errors = join(directory, 'error.log')
  const daemon = new Daemon({
    command: ['/usr/sbin/nginx', '-p', directory, '-c', configPath, '-e', errors],
    logPath: join(directory, 'nginx.log'),
  })
  await daemon.until(async () => {
    const { code } = await run(['curl', '--silent', '--output', '/dev/null', url])
    return code === 0 || undefined
  })
  return daemon
}
