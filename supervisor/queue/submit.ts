// The desk where operations arrive: bounds how many are under way, and keeps the same id from being under way twice.

import { limits } from '../core/limits.ts'
import type { Submitted } from '../core/queue.ts'
import * as answers from './answers.ts'
import type { Submission } from './parse-operation.ts'

export interface DeskParts {
  /** Never rejects. */
  take(submission: Submission): Promise<Submitted>
  answered(submission: Submission, submitted: Submitted): void
}

interface UnderWay {
  readonly submission: Submission
  readonly answer: Promise<Submitted>
}

export class Desk {
  readonly #parts: DeskParts
  readonly #underWay = new Map<string, UnderWay>()
  #operations = 0
  #bytes = 0
  #rested: (() => void)[] = []

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** Answers still due. */
  get operations(): number {
    return this.#operations
  }

  has(id: string): boolean {
    return this.#underWay.has(id)
  }

  async submit(submission: Submission): Promise<Submitted> {
    const { operation, bytes } = submission
    if (this.#operations >= limits.submissions || this.#bytes + bytes > limits.submissionBytes)
      return answers.tooManyUnderWay(operation.id)
    this.#operations++
    this.#bytes += bytes
    try {
      const submitted = await this.#once(submission)
      this.#parts.answered(submission, submitted)
      return submitted
    } finally {
      this.#operations--
      this.#bytes -= bytes
      if (this.#operations === 0) for (const rested of this.#rested.splice(0)) rested()
    }
  }

  /** Resolves when no answer is due any more. */
  rest(): Promise<void> {
    if (this.#operations === 0) return Promise.resolve()
    return new Promise((resolve) => this.#rested.push(resolve))
  }

  async #once(submission: Submission): Promise<Submitted> {
    const { id } = submission.operation
    for (let first = this.#underWay.get(id); first; first = this.#underWay.get(id)) {
      if (first.submission.contentHash !== submission.contentHash) return answers.conflict(id)
      const answer = await first.answer
      if (answer.state !== 'refused' || first.submission.mode === submission.mode) return answer
    }
    const answer = this.#parts.take(submission).finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, { submission, answer })
    return answer
  }
}
