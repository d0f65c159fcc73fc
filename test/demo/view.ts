// The story while it happens: on a terminal one block that is drawn again and again, elsewhere a line for each step.

import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import type { Board, Step } from './board.ts'
import { formatBytes, formatCount, formatMs } from './format.ts'
import { createRate } from './rate.ts'

export interface View {
  /** Draws the last state and gives the terminal back. */
  close(): void
}

const redrawEveryMs = 100
const barColumns = 30

export function openView(board: Board, out: WriteStream, environment: NodeJS.ProcessEnv): View {
  const isLive = out.isTTY && !environment['CI'] && environment['TERM'] !== 'dumb'
  return isLive && out.rows > board.steps.length + 8 ? openBlock(board, out) : openLines(board, out)
}

function openBlock(board: Board, out: WriteStream): View {
  const rate = createRate()
  let drawn = 0
  function draw(): void {
    const lines = blockLines(board, rate(board.recordsDone, performance.now()))
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`
    drawn = lines.length
    const shown = lines.map((line) => `${cutTo(line, out.columns - 1)}\x1b[K\n`).join('')
    // One write, so that no half of it is ever seen.
    out.write(`\x1b[?25l${up}${shown}\x1b[J`)
  }
  const timer = setInterval(draw, redrawEveryMs)
  draw()
  return {
    close() {
      clearInterval(timer)
      draw()
      out.write('\x1b[?25h')
    },
  }
}

function openLines(board: Board, out: NodeJS.WritableStream): View {
  const told = new Set<Step>()
  let headline = ''
  let tenths = 0
  function tell(): void {
    if (board.headline !== headline) {
      headline = board.headline
      out.write(`${headline}\n`)
    }
    for (const step of board.steps) {
      if (told.has(step) || step.state === 'ahead' || step.state === 'running') continue
      told.add(step)
      out.write(`${stepLine(step)}\n`)
    }
    const { recordsDone, recordsTotal } = board
    const reached = Math.floor((10 * recordsDone) / recordsTotal)
    if (reached > tenths) {
      tenths = reached
      out.write(`    ${formatCount(recordsDone)} of ${formatCount(recordsTotal)} records\n`)
    }
  }
  board.onChange(tell)
  tell()
  return { close: tell }
}

function blockLines(board: Board, recordsPerSecond: number): string[] {
  return ['', board.headline, '', ...board.steps.map(stepLine), '', ...figureLines(board, recordsPerSecond), '']
}

const marks = { ahead: '·', running: '▸', done: '✓', failed: '✗' } as const
const colours = { ahead: 'dim', running: 'bold', done: 'green', failed: 'red' } as const

function stepLine({ state, title, detail, durationMs }: Step): string {
  const mark = styleText(colours[state], marks[state])
  const isOver = state === 'done' || state === 'failed'
  const what = state === 'ahead' ? styleText('dim', title) : title
  return `  ${mark} ${what}${detail ? `: ${detail}` : ''}${isOver ? styleText('dim', ` (${formatMs(durationMs)})`) : ''}`
}

function figureLines(board: Board, recordsPerSecond: number): string[] {
  const { live, recordsDone, recordsTotal } = board
  const look = live?.watch.latest
  const metric = (name: string) => look?.metrics.get(`flowkeep_${name}`) ?? 0
  const share = recordsTotal === 0 ? 0 : Math.min(1, recordsDone / recordsTotal)
  const filled = Math.round(share * barColumns)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barColumns - filled)}`
  const health = look ? `${look.health.body.status}, /health ${look.health.status}` : '–'
  const memory = look?.metrics.get('process_resident_memory_bytes')
  return [
    `  state    ${(look?.health.body.state ?? '–').padEnd(14)} health  ${health}`,
    `  records  ${bar}  ${formatCount(recordsDone)} / ${formatCount(recordsTotal)}  ${formatCount(recordsPerSecond)}/s`,
    `  orphans reaped ${formatCount(metric('orphans_reaped_total'))}   ` +
      `restarts ${Math.max(0, metric('flow_starts_total') - 1)}   ` +
      `supervisor's memory ${memory === undefined ? '–' : formatBytes(memory)}`,
  ]
}

/** Escape sequences take no room. */
function cutTo(line: string, columns: number): string {
  let room = columns
  return line.replace(/(\x1b\[\d+m)|./gu, (character, sequence) => (sequence || room-- > 0 ? character : ''))
}
