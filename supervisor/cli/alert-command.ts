// `flowkeep alert test`: raises and ends a test alert at each receiver that is configured, and says how each answered.

import { type Look, renderTable } from '../core/text-table.ts'
import { printable } from './printable.ts'

export interface SinkAnswer {
  readonly sink: string
  readonly ok: boolean
  /** One line, free of secrets. */
  readonly message: string
}

export interface AlertCommandParts {
  readonly json: boolean
  readonly look: Look
  test(): Promise<readonly SinkAnswer[]>
  write(text: string): void
}

const columns = [{ title: 'receiver', whole: true }, { title: 'answer' }] as const

/** @returns the exit code: 1 when a receiver did not take it, or there is none; else 0 */
export async function runAlertTest({ json, look, test, write }: AlertCommandParts): Promise<0 | 1> {
  const answers = await test()
  const code = answers.length > 0 && answers.every(({ ok }) => ok) ? 0 : 1
  if (json) write(`${JSON.stringify({ ok: code === 0, receivers: answers })}\n`)
  else if (answers.length === 0)
    write(
      'No receiver is configured: set CONTAINER_ALERT_ALERTMANAGER_URL, _WEBHOOK_URL or _PAGERDUTY_KEY.\n',
    )
  else
    write(
      `${renderTable(
        columns,
        answers.map(({ sink, message }) => [sink, printable(message)]),
        look,
      )}\n`,
    )
  return code
}
