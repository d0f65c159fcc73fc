/**
 * Prometheus text as OpenMetrics 1.0. The differences that concern us: a counter's family is named without `_total`,
 * there are no blank lines, quotes in HELP are escaped, and the end is marked. (prom-client's own way renames the
 * metrics themselves, so that every later plain scrape would lack `_total`.)
 */
export function toOpenMetrics(text: string): string {
  const lines: string[] = []
  let help = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) help = line.replace(/"/g, '\\"')
    else if (line.startsWith('# TYPE ')) lines.push(...family(help, line))
    else if (line !== '') lines.push(line)
  }
  return `${lines.join('\n')}\n# EOF\n`
}

function family(help: string, type: string): string[] {
  if (!type.endsWith(' counter')) return [help, type]
  const [, , name = ''] = type.split(' ')
  const base = name.replace(/_total$/, '')
  return [help.replace(` ${name} `, ` ${base} `), `# TYPE ${base} counter`]
}
