import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { type Access, AppError, headers, type Route, routes } from '@df/proto'
import type { FastifyRequest } from 'fastify'
import { isLoopbackAddress } from './address-guard.ts'

/** Read at each request, so that changes apply at once. */
export interface AccessRules {
  /** Admits callers that are not on this host to `operator` routes. */
  operatorToken?: string
}

/** The rule of a route as proto declares it; a HEAD route follows its GET. */
export function findRoute(method: string, path: string): Route | undefined {
  const candidates: readonly Route[] = Object.values(routes)
  const matching = candidates.filter((route) => route.path === path)
  return (
    matching.find((route) => route.method === method || route.method === 'ANY') ??
    (method === 'HEAD' ? matching.find((route) => route.method === 'GET') : undefined)
  )
}

/** True for the rules that the route's own handler must enforce, since only it knows how. */
export function isEnforcedByHandler(access: Access): boolean {
  return ['host', 'ticket', 'registry', 'origin'].includes(access)
}

/** @throws AppError FORBIDDEN when the caller may not use a route with this rule */
export function checkAccess(access: Access, request: FastifyRequest, rules: AccessRules): void {
  switch (access) {
    case 'operator':
      if (isLocalCaller(request) || hasToken(request, rules.operatorToken)) return
      throw new AppError('FORBIDDEN', 'this address is for operators', {
        hint: 'call it from the same host at a loopback address, or send Authorization: Bearer <operator token>',
      })
    case 'local':
      if (isLocalCaller(request) && request.headers[headers.client] !== undefined) return
      throw new AppError('FORBIDDEN', 'this address is for programs of the same host', {
        hint: `call it at a loopback address, with the header ${headers.client}`,
      })
    case 'anyone':
    case 'host':
    case 'ticket':
    case 'registry':
    case 'origin':
      return
  }
}

/**
 * The connection comes from this host, and the request does not come from a web page by way of the browser on
 * it: a page of another origin betrays itself by the Origin header, one that had its own name resolved to a
 * loopback address (DNS rebinding) by the Host header.
 */
function isLocalCaller(request: FastifyRequest): boolean {
  const remote = request.socket.remoteAddress
  if (remote === undefined || !isLoopbackAddress(remote)) return false
  if (request.headers.origin !== undefined) return false
  const name = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0
}

function hasToken(request: FastifyRequest, expected: string | undefined): boolean {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (given === undefined || expected === undefined || expected === '') return false
  return timingSafeEqual(sha256(given), sha256(expected))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
