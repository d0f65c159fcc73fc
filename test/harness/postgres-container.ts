// PostgreSQL as a container on a test's network, found there as `db`.

import { type Container, startContainer, type TestContext } from './container.ts'

const user = 'flow'
const database = 'flows'

export interface PostgresContainer {
  readonly container: Container
  /** The rows of the answer, as `psql` prints them unaligned. */
  query(sql: string, database?: string): Promise<string>
}

/** No real one: the database lives in memory and goes with the test. */
export const databasePassword = 'wq8-Zr1.pass'
export const databaseUrl = `postgresql://${user}:${databasePassword}@db:5432/${database}`

/** Does not wait until it is ready: that is the gate's business. */
export async function startPostgres(t: TestContext, network: string): Promise<PostgresContainer> {
  const container = await startContainer(t, {
    image: 'postgres:17',
    command: ['-c', 'fsync=off'],
    network,
    alias: 'db',
    environment: { POSTGRES_USER: user, POSTGRES_PASSWORD: databasePassword, POSTGRES_DB: database },
    tmpfs: ['/var/lib/postgresql/data'],
  })
  return {
    container,
    query: async (sql, name = database) => {
      const { code, stdout, stderr } = await container.exec('psql', '-XAt', '-U', user, '-d', name, '-c', sql)
      if (code !== 0) throw new Error(`psql: ${stderr.trim()}`)
      return stdout.trimEnd()
    },
  }
}
