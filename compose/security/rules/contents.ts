// Which image a container is made of, and what it is told.

import { fullName } from '../../build/engine-images.ts'
import { some } from '../../scan/finding.ts'
import { isSecret } from '../../scan/image-rules.ts'
import { fail, known, pass, type Rule } from '../verdict.ts'
import type { Workload } from '../workload.ts'

export const contentRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.28',
    from: ['CIS 5.28'],
    title: 'Its image is named with a version',
    severity: 'medium',
    expected: 'a tag other than latest, a digest, or an image that is built here',
    fix: 'image: NAME:VERSION, or NAME@sha256:…',
    look({ image, engine }) {
      if (image === '') return pass('it is built here')
      if (engine.builtHere.has(fullName(image))) return pass(`${image} is built here`)
      if (image.includes('@') || image.startsWith('sha256:')) return pass('a digest')
      const tag = fullName(image).split(':').at(-1) ?? ''
      return tag === 'latest' ? fail(`${image} is whatever was pushed last`) : pass(image)
    },
  },
  {
    id: 'FK-secrets',
    from: ['Flowkeep', 'CIS 4.10'],
    title: 'Its environment holds no secret',
    severity: 'high',
    expected: 'secrets in files',
    fix: 'secrets: […] and the variable that ends in _FILE; docker inspect shows the environment to everyone who may ask',
    look({ environment }) {
      const found = known(environment, 'its environment').filter(({ name, value }) => isSecret(name, value))
      return found.length > 0 ? fail(some(found.map(({ name }) => name))) : pass('none')
    },
  },
]
