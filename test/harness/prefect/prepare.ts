// Makes the environments with Prefect that the tests use, ahead of them, and says where they are or why they aren't.

import { otherPrefect, otherVersions, prefectEnvironment } from './environment.ts'

const { python, skip } = prefectEnvironment()
console.log(python ?? `no environment with Prefect: ${skip}`)
if (python !== undefined)
  for (const version of Object.keys(otherVersions))
    console.log(otherPrefect(python, version as keyof typeof otherVersions))
