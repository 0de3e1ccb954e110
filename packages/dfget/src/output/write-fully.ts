import { write } from 'node:fs'

/** Writes all of `chunk` at `position`, or where the descriptor stands when null. */
export async function writeFully(
  fd: number,
  chunk: Uint8Array,
  position: number | null,
): Promise<void> {
  let done = 0
  while (done < chunk.length) {
    done += await writeOnce(fd, chunk, done, position === null ? null : position + done)
  }
}

function writeOnce(
  fd: number,
  chunk: Uint8Array,
  from: number,
  position: number | null,
): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, chunk, from, chunk.length - from, position, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}
