// Tables for a terminal. Cells wrap, so that nothing is cut off and no line is longer than the terminal is wide.

import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

export interface Column {
  readonly title: string
  readonly style?: Style
  /** Never narrower than its longest cell, such as one of names that have to be copied. */
  readonly whole?: true
}

export interface Look {
  readonly color: boolean
  /** Characters in one line. */
  readonly width: number
}

const gap = '  '
/** What a column of sentences needs to be readable. */
const leastColumnChars = 24

export type Rows = readonly (readonly string[])[]

/** @param between what separates rows: an empty line tells apart rows of several lines */
export function renderTable(columns: readonly Column[], rows: Rows, look: Look, between = '\n'): string {
  const longest = longestCells(columns, rows)
  const least = longest.map((chars, index) =>
    columns[index]?.whole ? chars : Math.min(chars, leastColumnChars),
  )
  const readable = readableWidths(columns, rows)
  const room = roomFor(columns, look)
  const widths = fit(longest, sum(readable) <= room ? readable : least, room)
  const wrapped = rows.map((row) => widths.map((width, index) => wrap(row[index] ?? '', width)))
  const head = line(
    columns.map(({ title }) => title),
    columns.map((): Style => 'bold'),
  )
  const rule = line(
    widths.map((width) => '─'.repeat(width)),
    columns.map((): Style => 'dim'),
  )
  const body = wrapped.map((cells) => {
    const height = Math.max(...cells.map((lines) => lines.length))
    return Array.from({ length: height }, (_, at) =>
      line(
        cells.map((lines) => lines[at] ?? ''),
        columns.map(({ style }) => style),
      ),
    ).join('\n')
  })
  return [head, rule, body.join(between)].join('\n')

  function line(cells: readonly string[], styles: readonly (Style | undefined)[]): string {
    const padded = cells.map((cell, index) => {
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - count(cell)))
      return paint(cell, styles[index], look) + padding
    })
    return padded.join(gap).trimEnd()
  }
}

/** Whether the table can be as narrow as `look` wants it without breaking a word, such as a name to be copied. */
export function breaksNoWord(columns: readonly Column[], rows: Rows, look: Look): boolean {
  return sum(readableWidths(columns, rows)) <= roomFor(columns, look)
}

function longestCells(columns: readonly Column[], rows: Rows): number[] {
  return columns.map(({ title }, index) =>
    Math.max(count(title), ...rows.map((row) => count(row[index] ?? ''))),
  )
}

/** The least widths with which a column of sentences reads well and no word is broken. */
function readableWidths(columns: readonly Column[], rows: Rows): number[] {
  const words = rows.map((row) => row.map((cell) => Math.max(...cell.split(' ').map(count))))
  return longestCells(columns, rows).map((chars, index) => {
    if (columns[index]?.whole) return chars
    return Math.max(Math.min(chars, leastColumnChars), ...words.map((row) => row[index] ?? 0))
  })
}

/** Characters for the cells of one line, without the gaps between them. */
function roomFor(columns: readonly Column[], { width }: Look): number {
  return width - gap.length * (columns.length - 1)
}

export function paint(text: string, style: Style | undefined, { color }: Pick<Look, 'color'>): string {
  return color && style !== undefined && text !== ''
    ? styleText(style, text, { validateStream: false })
    : text
}

/** Splits at spaces; a word that is too long for a line is broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of text.split(' ')) {
    const joined = current === '' ? word : `${current} ${word}`
    if (count(joined) <= width) {
      current = joined
      continue
    }
    if (current !== '') lines.push(current)
    let left = [...word]
    for (; left.length > width; left = left.slice(width)) lines.push(left.slice(0, width).join(''))
    current = left.join('')
  }
  return [...lines, current]
}

/** Takes from the column that is furthest above its least width until all fit, or none can give more. */
function fit(longest: readonly number[], least: readonly number[], room: number): number[] {
  const widths = [...longest]
  for (let excess = sum(widths) - room; excess > 0; excess--) {
    const spare = widths.map((width, index) => width - (least[index] ?? 0))
    const richest = spare.indexOf(Math.max(...spare))
    if ((spare[richest] ?? 0) <= 0) break
    widths[richest] = (widths[richest] ?? 0) - 1
  }
  return widths
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function count(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
