import t from 'tap'
import { endable, type Logger } from '../../../supervisor/core/logger.ts'
import { leave } from '../../../supervisor/process/leave.ts'

t.test('§4 nothing is logged after the line that says why the container ends', async (t) => {
  const events: string[] = []
  const write: Logger['info'] = ({ event }) => void events.push(event)
  const logger = endable({ debug: write, info: write, warn: write, error: write })
  logger.info({ event: 'stop.requested' }, 'received SIGTERM')

  const exited = new Promise<number>((resolve) => {
    const sink = {
      // Stdout takes its time, and something happens meanwhile.
      async flush() {
        for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level]({ event: 'late' }, '')
        return true
      },
    }
    const exitNow = (code: number) => resolve(code) as never
    void leave({ cause: { reason: 'stopped' }, code: 3, flushMs: 1 }, { logger, sink, exitNow })
  })
  t.equal(await exited, 3)
  t.same(events, ['stop.requested', 'exit'])
})
