// A list of users as it comes from elsewhere: most of them sound, the others broken in every way flow2 knows. Some ids
// are there twice, far apart.

export interface UserList {
  readonly text: Buffer
  readonly valid: number
  readonly invalid: number
}

type Fields = readonly [id: string, name: string, email: string, born: string, country: string, phone: string]

const names = ['Zoë Ångström', '李小龍', 'محمد علي', "O'Brien; drop table users;--", '👩‍🚀 Astro', 'नमस्ते']
const everyBroken = 7
const everyAgain = 100

/** Ways to break the line of a sound user. Each changes what one rule looks at, or the line itself. */
const defects: readonly ((fields: Fields) => string | Buffer)[] = [
  ([, ...rest]) => ['u1', ...rest].join(','),
  ([id, , ...rest]) => [id, '', ...rest].join(','),
  ([id, name, , ...rest]) => [id, name, 'nobody', ...rest].join(','),
  ([id, name, email, , ...rest]) => [id, name, email, '1990-02-30', ...rest].join(','),
  ([id, name, email, born, , phone]) => [id, name, email, born, 'Sweden', phone].join(','),
  ([id, name]) => [id, name].join(','),
  ([id, ...rest]) => `${id},"${rest.join(',')}`,
  (fields) => Buffer.from(`${fields.join(',')}\xe9`, 'latin1'),
  (fields) => `${fields.join(',')}\0`,
]

export function userList(count: number): UserList {
  const lines: (string | Buffer)[] = []
  const again: string[] = []
  let valid = 0
  for (let number = 1; number <= count; number += 1) {
    const fields = fieldsOf(number)
    const defect = number % everyBroken === 0 ? defects[(number / everyBroken) % defects.length] : undefined
    lines.push(defect ? defect(fields) : fields.join(','))
    if (defect) continue
    valid += 1
    if (number % everyAgain === 1) again.push(fields.join(','))
  }
  const all = ['user_id,name,email,born,country,phone', ...lines, ...again]
  return {
    text: Buffer.concat(all.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])),
    valid,
    invalid: lines.length - valid + again.length,
  }
}

function fieldsOf(number: number): Fields {
  const id = `U${String(number).padStart(6, '0')}`
  const name = names[number % names.length] as string
  return [id, name, `user.${number}@example.org`, '1990-12-31', 'SE', '']
}
