// What `flowkeep performance` prints. Pure.

import type { Finding, PerformanceReport, Use } from '../core/performance.ts'
import { type Look, paint, renderTable, wrap } from '../core/text-table.ts'
import { age } from './age.ts'
import { printable } from './printable.ts'

type Style = Parameters<typeof paint>[1]

const columns = [
  { title: 'resource', whole: true },
  { title: 'used', whole: true },
  { title: 'of', whole: true },
  { title: 'share', whole: true },
] as const

const styles: Readonly<Record<Finding['kind'], Style>> = {
  bottleneck: ['bold', 'red'],
  risk: ['bold', 'yellow'],
  spare: ['bold', 'cyan'],
}

const titles: Readonly<Record<Finding['kind'], string>> = {
  bottleneck: 'holds it back',
  risk: 'may hold it back',
  spare: 'more than it needs',
}

export function renderPerformance(report: PerformanceReport, look: Look): string {
  const { findings, pressureOf, samples, uses, windowSeconds } = report
  if (windowSeconds === 0) return 'Nothing can be said yet: ask again in a few seconds.\n'
  const head = `The last ${age(windowSeconds * 1000)} (${samples} samples)`
  const ofMachine =
    pressureOf === 'machine'
      ? ['Pressure is that of the whole machine: cgroup v1 has none of the container’s own.']
      : []
  const sections = [
    head,
    renderTable(columns, uses.map(cellsOf), look),
    ...ofMachine,
    ...(findings.length === 0 ? ['Nothing holds the container back.'] : []),
    ...findings.map((finding) => paragraph(finding, look)),
  ]
  return `${sections.join('\n\n')}\n`
}

function cellsOf({ resource, used, limit, unit }: Use): string[] {
  const share = limit === null || limit === 0 ? '–' : `${Math.round((used / limit) * 100)}%`
  const of = limit === null ? 'no limit' : unit === 'ratio' ? '' : amount(limit, unit)
  const shown = unit === 'ratio' ? '' : amount(used, unit)
  return [resource, shown, unit.endsWith('/s') || unit === 'ms' ? '' : of, share].map(printable)
}

function amount(value: number, unit: Use['unit']): string {
  switch (unit) {
    case 'bytes':
      return size(value)
    case 'bytes/s':
      return `${size(value)}/s`
    case 'count/s':
      return `${number(value)}/s`
    case 'ms':
      return `${number(value)} ms`
    case 'cpus':
      return `${number(value)} CPUs`
    case 'count':
    case 'ratio':
      return number(value)
  }
}

function size(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`
  const [unit, factor] =
    bytes < 1024 ** 2 ? ['KiB', 1024] : bytes < 1024 ** 3 ? ['MiB', 1024 ** 2] : ['GiB', 1024 ** 3]
  return `${(bytes / Number(factor)).toFixed(1)} ${unit}`
}

function number(value: number): string {
  return value !== 0 && Math.abs(value) < 100
    ? String(Number(value.toPrecision(2)))
    : String(Math.round(value))
}

function paragraph({ advice, id, kind, message }: Finding, look: Look): string {
  const { gain, now, setting, suggested } = advice
  const change =
    suggested === null
      ? setting
      : now === null
        ? `${setting}: ${suggested}`
        : `${setting}: ${now} → ${suggested}`
  const lines = [`${paint(`${id}`, styles[kind], look)} (${titles[kind]})`]
  for (const text of [message, change, gain]) {
    for (const line of wrap(printable(text), look.width - 2)) lines.push(`  ${line}`)
  }
  return lines.join('\n')
}
