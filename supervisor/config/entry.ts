// Effective settings as `flowkeep config` prints them: masked before they leave this part.

import { formatNamed } from './format.ts'
import type { ResolvedLeaf } from './resolve.ts'
import type { Setting } from './schema.ts'
import type { Source } from './sources.ts'

export interface SettingEntry {
  readonly name: string
  /** `databases.rpa_db.url` */
  readonly path: string
  /** A duration as a person writes it; a secret masked; null when unset. */
  readonly value: string | number | boolean | null
  readonly source: Source
  readonly secret: boolean
}

/** @param above what stands before the leaf's own path, such as `databases.rpa_db.` */
export function entryOf(leaf: ResolvedLeaf, above: string): SettingEntry {
  return {
    name: leaf.found?.name ?? leaf.setting.env,
    path: `${above}${leaf.path}`,
    value: leaf.value === null ? null : formatNamed(leaf.setting.format).show(leaf.value as never),
    source: leaf.found?.source ?? 'default',
    secret: leaf.setting.sensitive,
  }
}

/** What of a secret variable's text must appear in no output; all of it where the text cannot be read. */
export function secretsIn(setting: Setting<unknown>, text: string): string[] {
  if (!setting.sensitive) return []
  const format = formatNamed(setting.format)
  return format.parse(text).ok ? (format.secrets?.(text as never) ?? []) : [text]
}
