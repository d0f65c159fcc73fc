// What `flowkeep config` prints. Pure; the values come in masked.

import { type Look, renderTable } from '../core/text-table.ts'

export interface EffectiveSetting {
  readonly name: string
  readonly path: string
  readonly value: string | number | boolean | null
  readonly source: 'environment' | 'file' | 'config_file' | 'default'
  readonly secret: boolean
}

const sourceWords = {
  environment: 'environment',
  file: 'file',
  config_file: 'configuration file',
  default: 'default',
} as const

/** Ends without a newline. */
export function renderConfigTable(settings: readonly EffectiveSetting[], look: Look): string {
  return renderTable(
    [{ title: 'Name', style: 'bold', whole: true }, { title: 'Value' }, { title: 'Source', style: 'dim' }],
    settings.map(({ name, value, source }) => [
      name,
      value === null ? '–' : String(value),
      sourceWords[source],
    ]),
    look,
  )
}

/** `{"settings":[{"name","path","value","source","secret"}]}`, exactly these fields. Ends without a newline. */
export function renderConfigJson(settings: readonly EffectiveSetting[]): string {
  const plain = settings.map(({ name, path, value, source, secret }) => ({
    name,
    path,
    value,
    source,
    secret,
  }))
  return JSON.stringify({ settings: plain })
}
