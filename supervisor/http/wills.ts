// Wills on the control socket: what is to be submitted when the flow is gone.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Wills } from '../core/wills.ts'
import { expectNoBody } from './bodies.ts'
import { RequestError } from './envelope.ts'

export function addWillRoutes(app: FastifyInstance, wills: Wills): void {
  app.put('/v1/wills/:id', async (request) => {
    const id = idOf(request)
    wills.keep(id, request.body)
    return { id, state: 'kept' }
  })
  // One that is not there is as gone as it is wanted to be.
  app.delete('/v1/wills/:id', async (request) => {
    const id = idOf(request)
    expectNoBody(request.body)
    wills.drop(id)
    return { id, state: 'dropped' }
  })
}

/** It names a file. */
function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string }
  if (/^[A-Za-z0-9_-]{1,100}$/.test(id)) return id
  throw new RequestError({
    message: 'that is no id of a will',
    field: 'id',
    hint: 'An id has 1 to 100 letters, digits and _ -',
  })
}
