// What has no route: 405 with `Allow` where the path has other methods, else 404.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuse } from './envelope.ts'
import { pathOf } from './listener.ts'

/** Call it before the first route is added: it keeps account of them. */
export function answerWhatHasNoRoute(app: FastifyInstance): void {
  const methodsOf = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = `^${url.replaceAll(/:\w+/g, '[^/]+')}$`
    methodsOf.set(pattern, [...(methodsOf.get(pattern) ?? []), ...[method].flat()])
  })
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.raw.url ?? '')
    const found = [...methodsOf].filter(([pattern]) => new RegExp(pattern).test(path))
    return answer(request, reply, [...new Set(found.flatMap(([, methods]) => methods))].join(', '))
  })
}

function answer(request: FastifyRequest, reply: FastifyReply, allow: string): FastifyReply {
  if (allow === '') {
    return refuse(reply, {
      code: 'not_found',
      message: 'there is nothing at that path',
      hint: 'Check the path; GET /v1/status shows whether the supervisor is meant.',
    })
  }
  reply.header('allow', allow)
  const message = `${request.method} is not answered here`
  return refuse(reply, { code: 'invalid_request', status: 405, message, hint: `Use ${allow}.` })
}
