// Which of the two text formats a scraper wants. Prometheus sends a list with weights; a person's curl sends */*.

export const textContentType = 'text/plain; version=0.0.4; charset=utf-8'
export const openMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** OpenMetrics only for who names it and likes it no less than plain text. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const openMetrics = weightOf(accept, 'application/openmetrics-text')
  return openMetrics > 0 && openMetrics >= weightOf(accept, 'text/plain')
}

/** The largest weight given to a version of the type that we have, 0 when it isn't named. */
function weightOf(accept: string | undefined, type: string): number {
  let weight = 0
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim())
    if (name !== type) continue
    const given = new Map(
      parameters.map((parameter) => {
        const [key = '', value = ''] = parameter.split('=', 2)
        return [key, value]
      }),
    )
    const version = given.get('version')
    if (type !== 'text/plain' && version !== undefined && version !== '1.0.0') continue
    const q = Number(given.get('q') ?? 1)
    weight = Math.max(weight, q >= 0 && q <= 1 ? q : 0)
  }
  return weight
}
