// The usual way to wrap a program's output in JSON: readline and pino.

import { createInterface } from 'node:readline'
import { pino } from 'pino'

const log = pino({
  base: { service: 'flow1', instance: 'abcdef012345', component: 'flow' },
  messageKey: 'message',
})

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.startsWith('{')) {
      const { message, level: _level, time: _time, ...fields } = JSON.parse(line)
      log.info(fields, message)
    } else {
      log.info(line)
    }
  }
}

void main()
