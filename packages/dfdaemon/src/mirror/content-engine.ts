import { taskIdOf } from '@df/codec'
import type { Engine } from '@df/dfget'
import type { ContentEngine } from '@df/oci'

/** The peer of this host, as blobs are served from it. */
export function contentEngine(engine: Engine): ContentEngine {
  return {
    open: (request) => engine.open(request),
    forget: (task) => engine.forget(task),
    storedSize: (digest) => engine.storedSize(taskIdOf({ kind: 'blob', digest })),
  }
}
