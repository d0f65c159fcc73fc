// What the flows of the images need to run: a database with the schema, and the name of a Prefect server, which need
// not be there.

import { startContainer, type TestContext } from './container.ts'
import { baseImage } from './images.ts'
import { databaseUrl } from './postgres-container.ts'

export const flowEnvironment = {
  CONTAINER_DATABASE_FLOWS_URL: databaseUrl,
  PREFECT_API_URL: 'http://prefect.invalid:4200/api',
  CONTAINER_SERVICE_PREFECT_REQUIRED: 'false',
  CONTAINER_STOP_GRACE: '50s',
}

/** The time to end a batch on a busy machine: `docker stop` kills after 10 s otherwise. */
export const flowOptions = ['--stop-timeout=60']

/** Waits for the database, which may only just have been started. */
export async function migrate(t: TestContext, network: string, url = databaseUrl): Promise<void> {
  const { exited } = await startContainer(t, {
    image: baseImage,
    network,
    environment: { CONTAINER_FLOW_NAME: 'migrate', CONTAINER_DATABASE_FLOWS_URL: url },
    // Supervised, it begins when the database answers.
    command: ['flowkeep', 'migrate'],
  })
  const { code } = await exited
  if (code !== 0) throw new Error(`flowkeep migrate: exit code ${code}`)
}
