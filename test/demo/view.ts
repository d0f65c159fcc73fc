// The story while it happens: on a terminal one block that is drawn again and again, elsewhere a line for each step.

import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import type { Board, Step } from './board.ts'
import { formatBytes, formatCount, formatMs } from './format.ts'
import { createRate } from './rate.ts'

export interface View {
  /** Draws the last state and gives the terminal back; does nothing the second time. */
  close(): void
}

const redrawEveryMs = 100
const barColumns = 30

export function openView(board: Board, out: WriteStream, environment: NodeJS.ProcessEnv): View {
  const isLive = out.isTTY && !environment['CI'] && environment['TERM'] !== 'dumb'
  return isLive && out.rows > board.steps.length + 9 ? openBlock(board, out) : openLines(board, out)
}

function openBlock(board: Board, out: WriteStream): View {
  const rate = createRate()
  let drawn = 0
  function draw(isLast = false): void {
    const lines = blockLines(board, rate(board.rowsDone, performance.now()))
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`
    drawn = lines.length
    // A line that wraps would spoil the next drawing.
    const fitting = isLast ? lines : lines.map((line) => cutTo(line, out.columns - 1))
    const shown = fitting.map((line) => `${line}\x1b[K\n`).join('')
    // One write, so that no half of it is ever seen.
    out.write(`\x1b[?25l${up}${shown}\x1b[J`)
  }
  const timer = setInterval(() => draw(), redrawEveryMs)
  draw()
  return closedOnce(() => {
    clearInterval(timer)
    draw(true)
    out.write('\x1b[?25h')
  })
}

function openLines(board: Board, out: NodeJS.WritableStream): View {
  const told = new Set<Step>()
  const rate = createRate()
  let headline = ''
  let tenths = 0
  function tellSteps(): void {
    if (board.headline !== headline) {
      headline = board.headline
      out.write(`${headline}\n`)
    }
    for (const step of board.steps) {
      if (told.has(step) || step.state === 'ahead' || step.state === 'running') continue
      told.add(step)
      out.write(`${stepLine(step)}\n`)
    }
  }
  function tellRows(): void {
    const { rowsDone, rowsTotal } = board
    const rowsPerSecond = rate(rowsDone, performance.now())
    const reached = Math.floor((10 * rowsDone) / rowsTotal)
    if (reached === tenths) return
    tenths = reached
    const [figures = ''] = figureLines(board, rowsPerSecond).slice(1)
    out.write(`  ${figures}\n`)
  }
  const timer = setInterval(tellRows, redrawEveryMs)
  board.onChange(tellSteps)
  return closedOnce(() => {
    clearInterval(timer)
    tellSteps()
  })
}

function closedOnce(close: () => void): View {
  let isClosed = false
  return {
    close() {
      if (!isClosed) close()
      isClosed = true
    },
  }
}

function blockLines(board: Board, rowsPerSecond: number): string[] {
  return ['', board.headline, '', ...board.steps.map(stepLine), '', ...figureLines(board, rowsPerSecond), '']
}

const marks = { ahead: '·', running: '▸', done: '✓', failed: '✗' } as const
const colours = { ahead: 'dim', running: 'bold', done: 'green', failed: 'red' } as const

function stepLine({ state, title, detail, durationMs }: Step): string {
  const mark = styleText(colours[state], marks[state])
  const isOver = state === 'done' || state === 'failed'
  const what = state === 'ahead' ? styleText('dim', title) : title
  return `  ${mark} ${what}${detail ? `: ${detail}` : ''}${isOver ? styleText('dim', ` (${formatMs(durationMs)})`) : ''}`
}

function figureLines(board: Board, rowsPerSecond: number): string[] {
  const { live, rowsDone, rowsTotal } = board
  const look = live?.watch.latest
  const now = live?.watch.isOver ? undefined : look?.health
  const metric = (name: string) => look?.metrics.get(`flowkeep_${name}`) ?? 0
  const share = rowsTotal === 0 ? 0 : Math.min(1, rowsDone / rowsTotal)
  const filled = Math.round(share * barColumns)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barColumns - filled)}`
  const health = now ? `${now.body.status}, /health ${now.status}` : '–'
  const memory = look?.metrics.get('process_resident_memory_bytes')
  const queued = metric('operations_queued{target="rpa_db"}')
  return [
    `  state    ${(now?.body.state ?? '–').padEnd(14)} health  ${health}`,
    `  rows     ${bar}  ${formatCount(rowsDone)} / ${formatCount(rowsTotal)}  ${formatCount(rowsPerSecond)}/s`,
    `  queue    ${formatCount(queued)} operations wait for the database`,
    `  orphans reaped ${formatCount(metric('orphans_reaped_total'))}   ` +
      `restarts ${Math.max(0, metric('flow_starts_total') - 1)}   ` +
      `supervisor's memory ${memory === undefined ? '–' : formatBytes(memory)}`,
  ]
}

const styleOrCharacter = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)|.`, 'gu')

/** Styles take no room. */
function cutTo(line: string, columns: number): string {
  let room = columns
  return line.replace(styleOrCharacter, (character, style) => {
    if (style) return style
    room--
    return room > 0 ? character : room === 0 ? '…' : ''
  })
}
