// `flowkeep submit -`: operations from a stream, one JSON object on each line, submitted in batches. It stops after a
// batch in which something was not taken for now, because what follows may belong behind it.

import { limits } from '../core/limits.ts'
import { batchesOf, type Line, linesOf } from './lines.ts'
import { printable } from './printable.ts'
import { bodyOf, exitCodeOf, notNow, Refused, reportFailure } from './refusal.ts'
import type { SubmitParts } from './submit-command.ts'

interface LineError {
  readonly code: string
  readonly message: string
  readonly field?: string
  readonly hint: string
}

interface LineAnswer {
  readonly id: string | null
  readonly state: string
  readonly error?: LineError
}

/** @returns the exit code: the gravest of what happened to the lines */
export async function submitLines(input: AsyncIterable<Buffer>, parts: SubmitParts): Promise<number> {
  const counts: Record<string, number> = { applied: 0, queued: 0, refused: 0 }
  let code = 0
  let begunAt = 1
  try {
    for await (const batch of batchesOf(linesOf(input, limits.controlBodyBytes))) {
      begunAt = batch[0]?.number ?? begunAt
      const answers = await submitBatch(batch, parts)
      for (const [index, answer] of answers.entries()) {
        report((batch[index] as Line).number, answer, parts)
        counts[answer.state] = (counts[answer.state] ?? 0) + 1
        if (answer.error) code = Math.max(code, exitCodeOf(new Refused(answer.error)))
      }
      if (code === notNow) break
    }
  } catch (error) {
    code = reportFailure(error, parts.json, parts.writeError)
    sayStopped(`No answer for line ${begunAt} and those after it`, parts)
  }
  if (code === notNow) sayStopped(`Stopped in the lines from ${begunAt} on`, parts)
  if (!parts.json)
    parts.write(`${counts['applied']} applied, ${counts['queued']} queued, ${counts['refused']} refused\n`)
  return code
}

function sayStopped(where: string, { json, writeError }: SubmitParts): void {
  if (!json) writeError(`${where}. Send them again later: an id has its effect once.\n`)
}

async function submitBatch(batch: readonly Line[], { ask }: SubmitParts): Promise<readonly LineAnswer[]> {
  const bodies = batch.flatMap(({ bytes }) => bytes ?? [])
  const answers = bodies.length === 0 ? [] : await submitBodies(bodies, ask)
  let next = 0
  return batch.map(({ bytes }) => (bytes === undefined ? tooLong : (answers[next++] as LineAnswer)))
}

async function submitBodies(
  bodies: readonly Buffer[],
  ask: SubmitParts['ask'],
): Promise<readonly LineAnswer[]> {
  const newline = Buffer.from('\n')
  const answer = await ask({
    method: 'POST',
    path: '/v1/operations',
    contentType: 'application/x-ndjson',
    body: Buffer.concat(bodies.flatMap((bytes, index) => (index === 0 ? [bytes] : [newline, bytes]))),
    timeoutMs: limits.submitMs,
    answerBytesMax: limits.listAnswerBytes,
  })
  const { operations } = bodyOf<{ operations: readonly LineAnswer[] }>(answer)
  if (operations.length !== bodies.length) throw new Error('the supervisor has not answered every line')
  return operations
}

const tooLong: LineAnswer = {
  id: null,
  state: 'refused',
  error: {
    code: 'operation_too_large',
    message: `it is longer than ${limits.controlBodyBytes} bytes`,
    hint: 'Split it into several operations.',
  },
}

/** By the line's number in the stream, whichever batch it was in. */
function report(line: number, answer: LineAnswer, { json, write, writeError }: SubmitParts): void {
  const { id, state } = answer
  const error = answer.error && renumbered(line, answer.error)
  if (json) write(`${JSON.stringify({ line, id, state, ...(error && { error }) })}\n`)
  else if (error) {
    const which = id === null ? `line ${line}` : `line ${line} (${id})`
    writeError(`${printable(`${which}: ${error.message}. ${error.hint}`)}\n`)
  }
}

/** The supervisor counts the lines of its request. */
function renumbered(line: number, error: LineError): LineError {
  if (!/^line \d+$/.test(error.field ?? '')) return error
  const message = error.message.replace(/^line \d+: /, '')
  return { ...error, message, field: `line ${line}`, hint: 'Write one JSON object on each line.' }
}
