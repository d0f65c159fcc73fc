// The wills of the flow, one file each in the slot. A file is there as soon as it is written, for whoever opens the slot
// next: no fsync, because a will is for the death of processes, not of the machine under them. What cannot be submitted
// now stays for the next time.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { type Json, parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Submitted } from '../core/queue.ts'
import type { Wills } from '../core/wills.ts'

export interface WillsParts {
  /** Of our own slot. */
  readonly directory: string
  readonly logger: Logger
  /** Why it cannot be an operation; undefined where it can. */
  problemOf(operation: unknown): { readonly message: string; readonly field?: string } | undefined
  /** Taken also while the flow may submit nothing new. Never rejects. */
  submit(operation: unknown): Promise<Submitted>
}

export interface KeptWills extends Wills {
  /** The flow is gone: each is submitted and forgotten. Never rejects. */
  carryOut(): Promise<void>
  /** Those that another supervisor has left in its slot. Never rejects. */
  carryOutIn(slotDirectory: string): Promise<void>
}

const folder = 'wills'
const suffix = '.json'
/** Worth another try, at the next start at the latest. */
const passing: ReadonlySet<string> = new Set([
  'queue_full',
  'disk_full',
  'state_directory_unavailable',
  'draining',
  'dependency_unavailable',
])

export function holdsWills(slotDirectory: string): boolean {
  return filesIn(join(slotDirectory, folder)).length > 0
}

export function createWills(parts: WillsParts): KeptWills {
  return new WillFiles(parts)
}

class WillFiles implements KeptWills {
  readonly #parts: WillsParts
  readonly #directory: string
  readonly #ids: Set<string>
  /** The files that are being carried out. */
  readonly #carrying = new Map<string, Promise<string | undefined>>()

  constructor(parts: WillsParts) {
    this.#parts = parts
    this.#directory = join(parts.directory, folder)
    this.#ids = new Set(filesIn(this.#directory).map((name) => name.slice(0, -suffix.length)))
  }

  keep(id: string, operation: unknown): void {
    const text = JSON.stringify(operation) ?? ''
    this.#refuse(id, operation, text)
    try {
      if (this.#ids.size === 0) mkdirSync(this.#directory, { mode: 0o700, recursive: true })
      writeFileSync(`${this.#path(id)}.new`, text, { mode: 0o600 })
      renameSync(`${this.#path(id)}.new`, this.#path(id))
    } catch (error) {
      // Each would have a name of its own: on a full disk they would only become more.
      rmSync(`${this.#path(id)}.new`, { force: true })
      throw refusal('disk_full', `it cannot be written: ${codeOf(error) ?? messageOf(error)}`)
    }
    this.#ids.add(id)
  }

  drop(id: string): boolean {
    if (!this.#ids.has(id)) return false
    rmSync(this.#path(id), { force: true })
    return this.#ids.delete(id)
  }

  async carryOut(): Promise<void> {
    const done = await this.#carryOut(this.#directory)
    for (const id of done) this.#ids.delete(id)
  }

  async carryOutIn(slotDirectory: string): Promise<void> {
    await this.#carryOut(join(slotDirectory, folder))
  }

  #refuse(id: string, operation: unknown, text: string): void {
    const problem = this.#parts.problemOf(operation)
    if (problem) throw refusal('invalid_request', problem.message)
    if (Buffer.byteLength(text) > limits.willBytes)
      throw refusal('invalid_request', `it has more than ${limits.willBytes} bytes`)
    if (this.#ids.size >= limits.wills && !this.#ids.has(id))
      throw refusal('queue_full', `${limits.wills} of them are kept already`)
  }

  async #carryOut(directory: string): Promise<string[]> {
    const done = await Promise.all(filesIn(directory).map((name) => this.#once(join(directory, name))))
    return done.filter((id) => id !== undefined)
  }

  /** Several states without a flow follow each other: whoever comes second waits for the first. */
  async #once(path: string): Promise<string | undefined> {
    const carrying = this.#carrying.get(path) ?? this.#carryOutOne(path)
    this.#carrying.set(path, carrying)
    return await carrying.finally(() => this.#carrying.delete(path))
  }

  /** Its id, where nothing is left to do. */
  async #carryOutOne(path: string): Promise<string | undefined> {
    const id = path.slice(path.lastIndexOf('/') + 1, -suffix.length)
    try {
      if (!(await this.#isDone(id, path))) return undefined
      rmSync(path, { force: true })
      return id
    } catch (error) {
      // What a disk or a lack of descriptors says is not about the will.
      const message = `a will of the flow stays for the next time: ${messageOf(error)}`
      this.#parts.logger.error({ event: 'will.kept', id }, message)
      return undefined
    }
  }

  /** Submitted, or never to be. @throws what the file system says */
  async #isDone(id: string, path: string): Promise<boolean> {
    const { logger } = this.#parts
    const operation = parsed(readFileSync(path, 'utf8'))
    if (operation instanceof Error) {
      logger.warn({ event: 'will.unreadable', id }, `a will cannot be read: ${operation.message}`)
      return true
    }
    const answer = await this.#parts.submit(operation)
    if (answer.state !== 'refused') {
      const carriedOut = { event: 'will.carried_out', id, result: answer.state }
      logger.info(carriedOut, 'a will of the flow was carried out')
      return true
    }
    const { code, message } = answer.error
    if (isPassing(code, operation)) return false
    logger.warn({ event: 'will.refused', id, code }, `a will of the flow was refused: ${message}`)
    return true
  }

  #path(id: string): string {
    return join(this.#directory, id + suffix)
  }
}

/** Where nobody knows whether it was taken, only an id of its own keeps it from being done twice. */
function isPassing(code: string, operation: Json): boolean {
  if (code !== 'outcome_unknown') return passing.has(code)
  return typeof operation === 'object' && operation !== null && 'id' in operation
}

function parsed(text: string): Json | Error {
  try {
    return parseExact(text)
  } catch (error) {
    return new Error(messageOf(error))
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(suffix))
  } catch {
    return []
  }
}

function refusal(code: 'invalid_request' | 'queue_full' | 'disk_full', message: string): FlowkeepError {
  return new FlowkeepError(code, {
    operation: 'cannot keep the will',
    message,
    hint: 'A will is one operation, as POST /v1/operations takes it.',
  })
}
