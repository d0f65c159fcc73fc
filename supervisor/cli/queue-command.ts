// `flowkeep queue …`: look into the queue and mend it, whether a supervisor runs or not.

import { FlowkeepError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ListRequest, OperationView, QueueStats } from '../core/queue.ts'
import type { Look } from '../core/text-table.ts'
import type { AskSupervisor } from './control-client.ts'
import { type OpenOffline, type QueueAccess, withQueue } from './queue-access.ts'
import { notNow, reportFailure } from './refusal.ts'
import { renderOperation, renderOperations, renderQueue } from './render-queue.ts'

export interface QueueCommandParts {
  readonly ask: AskSupervisor
  readonly openOffline: OpenOffline
  readonly json: boolean
  readonly look: Look
  write(text: string): void
  writeError(text: string): void
}

type Run = (queue: QueueAccess, parts: QueueCommandParts) => Promise<number>

/** @returns the exit code */
export async function runQueueCommand(parts: QueueCommandParts, run: Run): Promise<number> {
  try {
    const note = (text: string) => parts.writeError(`${text}\n`)
    return await withQueue({ ...parts, note }, (queue) => run(queue, parts))
  } catch (error) {
    return reportFailure(error, parts.json, parts.writeError)
  }
}

export function list(request: ListRequest): Run {
  return async (queue, { json, look, write }) => {
    const page = await queue.list(request)
    if (json) write(`${JSON.stringify(page)}\n`)
    else if (page.operations.length === 0) write(`no ${request.state} operations\n`)
    else write(`${renderOperations(page.operations, look)}\n${more(request, page.next)}`)
    return 0
  }
}

function more({ state, target, limit }: ListRequest, next: string | undefined): string {
  if (next === undefined) return ''
  const options = [
    `--state ${state}`,
    ...(target === undefined ? [] : [`--target ${target}`]),
    ...(limit === limits.operationsPerPage ? [] : [`--limit ${limit}`]),
    `--after ${next}`,
  ]
  return `\nmore: flowkeep queue list ${options.join(' ')}\n`
}

export function show(id: string): Run {
  return async (queue, { json, write }) => {
    const operation: OperationView | undefined = await queue.show(id)
    if (operation === undefined) throw unknownOperation(id)
    write(json ? `${JSON.stringify(operation)}\n` : `${renderOperation(operation)}\n`)
    return 0
  }
}

export function retry(ids: readonly string[]): Run {
  return each(ids, 'queued', (queue, id) => queue.retry(id))
}

export function discard(ids: readonly string[]): Run {
  return each(ids, 'discarded', (queue, id) => queue.discard(id))
}

/** Stops at the first that cannot be mended; what came before it is done, and said. */
function each(
  ids: readonly string[],
  state: string,
  mend: (queue: QueueAccess, id: string) => Promise<void>,
): Run {
  return async (queue, { json, write }) => {
    for (const id of ids) {
      await mend(queue, id)
      write(json ? `${JSON.stringify({ id, state })}\n` : `${state} ${id}\n`)
    }
    return 0
  }
}

export const stats: Run = async (queue, { json, look, write }) => {
  const figures = await queue.stats()
  write(json ? `${JSON.stringify(figures)}\n` : `${renderQueue(figures, look)}\n`)
  return 0
}

/** @returns 0 when nothing waits any more, else `notNow`; dead letters are no part of it */
export function drain(timeoutMs: number): Run {
  return async (queue, { json, look, write, writeError }) => {
    let before: number | undefined
    const progress = ({ operations }: QueueStats) => {
      if (operations !== before && operations > 0 && !json) writeError(`${operations} waiting\n`)
      before = operations
    }
    const left = await queue.drain(timeoutMs, progress)
    write(json ? `${JSON.stringify(left)}\n` : `${renderQueue(left, look)}\n`)
    return left.operations === 0 ? 0 : notNow
  }
}

function unknownOperation(id: string): FlowkeepError {
  return new FlowkeepError('not_found', {
    operation: 'cannot show the operation',
    subject: id,
    message: `the queue does not hold ${id}`,
    hint: 'It was applied, discarded, or never taken here; flowkeep queue list shows what is held.',
  })
}
