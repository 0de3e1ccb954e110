import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** Changes one byte of a file in place. */
export function flipByte(path: string, position: number): void {
  const fd = openSync(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, position)
    byte.writeUInt8(byte.readUInt8() ^ 0xff)
    writeSync(fd, byte, 0, 1, position)
  } finally {
    closeSync(fd)
  }
}
