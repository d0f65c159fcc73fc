// Twenty secrets, each in another place, through everything that prints: none of them may come out, in any encoding.

import { inspect } from 'node:util'
import t from 'tap'
import { renderAccepted, renderProblems } from '../../../supervisor/cli/check-report.ts'
import { renderConfigJson, renderConfigTable } from '../../../supervisor/cli/config-command.ts'
import { createRedactor } from '../../../supervisor/core/secret.ts'
import { type Environment, type Files, loadWith } from './load-with.ts'

/** Eight characters that stand nowhere else, so that any piece of one that comes out is found. */
const canary = (number: number) => `canary${String(number).padStart(2, '0')}xq`

/** In sound configurations. */
const kept: Environment = {
  CONTAINER_DATABASE_A_URL: `postgres://app:${canary(1)}@db/a`,
  CONTAINER_DATABASE_B_URL: `postgres://app:%40${canary(2)}%2F@db/b?sslmode=require`,
  CONTAINER_DATABASE_C_URL: `postgres://app@db/c?password=${canary(3)}`,
  CONTAINER_DATABASE_D_URL_FILE: '/run/secrets/d',
  CONTAINER_SERVICE_A_URL: 'http://a',
  CONTAINER_SERVICE_A_TOKEN: canary(5),
  CONTAINER_SERVICE_B_URL: 'http://b',
  CONTAINER_SERVICE_B_AUTH: `user:${canary(6)}`,
  CONTAINER_SERVICE_C_URL: `https://user:%25${canary(7)}@c`,
  CONTAINER_SERVICE_D_URL: `https://${canary(8)}@d`,
  PREFECT_API_URL: 'http://prefect:4200',
  PREFECT_API_KEY: canary(9),
  CONTAINER_APP_PASSWORD: canary(10),
  CONTAINER_CONFIG_FILE: '/etc/flowkeep.env',
}
const keptFiles: Files = {
  '/run/secrets/d': `postgres://app:${canary(4)}@db/d\n`,
  '/etc/flowkeep.env': `CONTAINER_SERVICE_E_URL=http://e\nCONTAINER_SERVICE_E_TOKEN="${canary(11)}"\n`,
}

/** In refused ones. */
const refused: Environment = {
  CONTAINER_DATABASE_F_URL: `mysql://app:${canary(12)}@db/f`,
  CONTAINER_DATABASE_G_URL: `postgres://app:50%${canary(13)}@db/g`,
  CONTAINER_DATABASE_H_URL: `${canary(14)}://db/h`,
  CONTAINER_SERVICE_F_URL: `http://f/?key=${canary(15)}`,
  CONTAINER_SERVICE_G_URL: 'http://g',
  CONTAINER_SERVICE_G_TOKEN: `${canary(16)} and more`,
  CONTAINER_SERVICE_G_AUTH: `${canary(17)}`,
  CONTAINER_DATABASE_A_ULR: `postgres://app:${canary(18)}@db/a`,
  CONTAINER_SERVICE_H_TOKEN_FILE: canary(19),
  CONTAINER_CONFIG_FILE: '/etc/broken.env',
  // Not secret by their names, but what stands in them is one.
  CONTAINER_HTTP_HOST: `postgres://app:${canary(22)}@db/a`,
  CONTAINER_INSTANCE_ID: `!${canary(1)}`,
  CONTAINER_STATE_DIRECTORY: `${'d'.repeat(96)}${canary(5)}`,
}
const refusedFiles: Files = {
  ...keptFiles,
  '/etc/broken.env': [
    canary(20),
    `${canary(21)}==`,
    `CONTAINER_SERVICE_I_TOKEN="${canary(23)}`,
    `export CONTAINER_SERVICE_I_TOKEN=${canary(24)}`,
    'CONTAINER_SERVICE_I_TOKEN_FILE=/run/secrets/i',
  ].join('\n'),
  '/run/secrets/i': `${canary(25)}\n${canary(26)}\n`,
}

const looks = [
  { color: false, width: 60 },
  { color: false, width: 500 },
  { color: true, width: 160 },
]

function leaks(output: string): string[] {
  const found: string[] = []
  const unwrapped = output.replace(/\s+/g, '')
  for (let number = 1; number <= 26; number++) {
    const secret = canary(number)
    const forms = [
      secret,
      Buffer.from(secret).toString('base64').slice(0, 8),
      Buffer.from(secret).toString('hex'),
    ]
    if (forms.some((form) => output.includes(form) || unwrapped.includes(form))) found.push(secret)
  }
  return found
}

t.test('R7.2 canaries: none comes out of settings that were accepted', async (t) => {
  const loaded = loadWith(kept, keptFiles)
  if (!loaded.ok) throw new Error(`refused: ${loaded.problems.map(({ variable }) => variable)}`)
  const { settings, entries } = loaded
  const outputs = {
    inspect: inspect(settings, { depth: Infinity, showHidden: true }),
    json: JSON.stringify(settings),
    text: Object.values(settings.databases)
      .map(({ url }) => `${url}`)
      .join(),
    entries: inspect(entries, { depth: Infinity }) + JSON.stringify(entries),
    configJson: renderConfigJson(entries),
    ...Object.fromEntries(looks.map((look) => [`table ${look.width}`, renderConfigTable(entries, look)])),
    ...Object.fromEntries(looks.map((look) => [`accepted ${look.width}`, renderAccepted(entries, look)])),
  }
  for (const [name, output] of Object.entries(outputs)) t.same(leaks(output), [], name)
  t.match(outputs.configJson, /\[redacted\]/)
})

t.test('R7.2 canaries: the settings themselves still hold them, and the redactor knows each', async (t) => {
  const loaded = loadWith(kept, keptFiles)
  if (!loaded.ok) throw new Error('refused')
  const { databases, services } = loaded.settings
  const revealed = [
    ...Object.values(databases).map(({ url }) => url.reveal()),
    ...Object.values(services).flatMap(({ token, auth }) => [token?.reveal(), auth?.reveal()]),
  ].join()
  // All but the tenth, which is the flow's own affair.
  const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11].map(canary)
  t.same(leaks(revealed), expected)
  t.same(leaks(createRedactor(loaded.secrets)(revealed)), [])
})

t.test('R7.2 R1.4 canaries: none comes out of a report of problems', async (t) => {
  const loaded = loadWith({ ...kept, ...refused }, refusedFiles)
  if (loaded.ok) throw new Error('accepted')
  t.ok(loaded.problems.length >= 15, `${loaded.problems.length} problems`)
  t.same(leaks(inspect(loaded, { depth: Infinity, showHidden: true })), [], 'inspect')
  t.same(leaks(JSON.stringify(loaded)), [], 'JSON')
  for (const look of looks) t.same(leaks(renderProblems(loaded.problems, look)), [], `report ${look.width}`)
  const told = loaded.problems.map(({ variable }) => variable)
  for (const name of Object.keys(refused))
    if (!name.endsWith('_G_URL')) t.ok(told.includes(name), `${name} is told`)
})

t.test('R7.2 canaries: none stays in an error of the reading of files', async (t) => {
  for (const thrown of [
    new Error(canary(1)),
    canary(2),
    Object.assign(new Error(canary(3)), { code: 'EIO' }),
    undefined,
  ]) {
    const sources = { CONTAINER_SERVICE_A_URL: 'http://a', CONTAINER_SERVICE_A_TOKEN_FILE: '/s' }
    const { loadConfiguration } = await import('../../../supervisor/config/load.ts')
    const loaded = loadConfiguration({
      environment: { CONTAINER_FLOW_NAME: 'orders', ...sources },
      readFile: () => {
        throw thrown
      },
      hostname: 'box',
    })
    t.match(loaded, { ok: false, problems: [{ found: /^\/s cannot be read/ }] })
    t.same(leaks(JSON.stringify(loaded)), [])
  }
})
