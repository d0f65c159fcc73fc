// `flowkeep submit`: one operation from the options, or one on each line of standard input. It says of each whether it
// was applied or queued. An id is always sent, so that an answer that is lost can be asked for again.

import { randomUUIDv7 } from 'node:crypto'
import { type Json, type JsonObject, parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { AskSupervisor } from './control-client.ts'
import { printable } from './printable.ts'
import { bodyOf, reportFailure } from './refusal.ts'

export interface SubmitOptions {
  readonly target?: string
  readonly key?: string
  readonly id?: string
  readonly mode?: string
  readonly expiresAt?: string
  readonly sql?: string
  readonly param?: readonly string[]
  readonly paramsJson?: string
  readonly method?: string
  readonly path?: string
  readonly body?: string
}

export interface SubmitParts {
  readonly ask: AskSupervisor
  readonly json: boolean
  write(text: string): void
  writeError(text: string): void
}

/** The operation that the options describe, or what is wrong with them. */
export type Described =
  | { readonly operation: JsonObject & { readonly id: string } }
  | { readonly wrong: string }

export function describeOperation(options: SubmitOptions, newId: () => string = randomUUIDv7): Described {
  const { target, sql, method, path } = options
  if (target === undefined)
    return { wrong: '--target is missing: the lower-case name of a database or service' }
  const isHttp = method !== undefined || path !== undefined || options.body !== undefined
  if ((sql === undefined) === !isHttp) {
    return { wrong: 'give --sql for a database, or --method and --path for a service' }
  }
  const work = isHttp ? httpWork(options) : sqlWork(options)
  if ('wrong' in work) return work
  const { key, mode, expiresAt, id = newId() } = options
  return {
    operation: {
      id,
      target,
      ...(key !== undefined && { key }),
      ...work.fields,
      ...(mode !== undefined && { mode }),
      ...(expiresAt !== undefined && { expiresAt }),
    },
  }
}

type Fields = { readonly fields: JsonObject } | { readonly wrong: string }

function sqlWork({ sql, param, paramsJson }: SubmitOptions): Fields {
  if (param !== undefined && paramsJson !== undefined) {
    return { wrong: 'give --param for texts, or --params-json for values of any type, not both' }
  }
  if (paramsJson === undefined) return { fields: { sql: sql as string, params: param ?? [] } }
  const params = readJson(paramsJson)
  if (!Array.isArray(params)) return { wrong: '--params-json is not a JSON array, such as [1, "a", null]' }
  return { fields: { sql: sql as string, params: params as readonly Json[] } }
}

function httpWork({ method, path, body, param, paramsJson }: SubmitOptions): Fields {
  if (method === undefined || path === undefined) return { wrong: 'a service needs both --method and --path' }
  if (param !== undefined || paramsJson !== undefined)
    return { wrong: '--param and --params-json go with --sql' }
  if (body === undefined) return { fields: { method, path } }
  const value = readJson(body)
  if (value === undefined)
    return { wrong: '--body is not JSON; a text is written with its quotes: \'"text"\'' }
  return { fields: { method, path, body: value } }
}

function readJson(text: string): Json | undefined {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

/** @returns the exit code */
export async function submitOne(
  operation: JsonObject & { readonly id: string },
  parts: SubmitParts,
): Promise<number> {
  const { ask, json, write, writeError } = parts
  try {
    const body = JSON.stringify(operation)
    const answer = bodyOf<{ id: string; state: string; result?: Json }>(
      await ask({
        method: 'POST',
        path: '/v1/operations',
        body,
        timeoutMs: limits.submitMs,
        answerBytesMax: limits.showAnswerBytes,
      }),
    )
    write(json ? `${JSON.stringify(answer)}\n` : `${answer.state} ${printable(answer.id)}\n`)
    return 0
  } catch (error) {
    const code = reportFailure(error, json, writeError)
    if (!json)
      writeError(`The id was ${printable(operation.id)}: with --id the same again has its effect once.\n`)
    return code
  }
}
