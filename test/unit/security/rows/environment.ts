import type { DatabaseLink } from '../../../../supervisor/security/container.ts'
import { tcpHead, tcpLine } from '../recorded.ts'
import type { Row } from './row.ts'

const environment = (...variables: string[]) => ({
  tree: { '/proc/self/environ': variables.map((text) => `${text}\0`).join('') },
})
const databases = (...links: DatabaseLink[]) => ({ configured: { databases: links } })
const mode = (sslMode: string, host = 'db.example') => databases({ name: 'a', host, sslMode })
const program = (path: string, bits = 0o755) => ({ tree: { [path]: { mode: bits } } })
const tcp = (...lines: string[]) => ({ tree: { '/proc/self/net/tcp': tcpHead + lines.join('') } })
const tcp6 = (...lines: string[]) => ({ tree: { '/proc/self/net/tcp6': tcpHead + lines.join('') } })
const noEnvironment = { tree: { '/proc/self/environ': { error: 'EACCES' } } }
const token = '/run/secrets/kubernetes.io/serviceaccount/token'

export const environmentRows: readonly Row[] = [
  ['S32', 'a password by its name', 'warn', /^DB_PASSWORD$/, environment('DB_PASSWORD=geheim')],
  ['S32', 'a token by its name', 'warn', /^API_TOKEN$/, environment('API_TOKEN=geheim')],
  ['S32', 'credentials in a URL', 'warn', /^WHERE$/, environment('WHERE=postgres://u:geheim@db/x')],
  [
    'S32',
    'a setting that is secret',
    'warn',
    /^CONTAINER_DATABASE_A_URL$/,
    {
      ...environment('CONTAINER_DATABASE_A_URL=postgres://db/x'),
      configured: { secretVariables: ['CONTAINER_DATABASE_A_URL'] },
    },
  ],
  ['S32', 'random letters', 'warn', /^SOMETHING$/, environment('SOMETHING=k7Jq2Lx9Zr4Tn8Vb3Wm6Yc1Pd5Hf0Sg')],
  [
    'S32',
    'random hexadecimal',
    'warn',
    /^SOMETHING$/,
    environment('SOMETHING=9f86d081884c7d659a2feaa0c55ad015'),
  ],
  [
    'S32',
    'a checksum',
    'pass',
    /none/,
    environment('PYTHON_SHA256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'),
  ],
  [
    'S32',
    'a fingerprint that is published',
    'pass',
    /none/,
    environment('GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305'),
  ],
  [
    'S32',
    'the path of a file',
    'pass',
    /none/,
    environment('DB_PASSWORD_FILE=/run/secrets/x', 'API_TOKEN=/run/secrets/y'),
  ],
  [
    'S32',
    'flags, counts and names',
    'pass',
    /none/,
    environment(
      'USE_TOKEN=true',
      'MAX_TOKEN=20',
      'PWD=/opt/flow',
      'HOSTNAME=2e7a0b20c471',
      'CONTAINER_FLOW_NAME=monthly_invoices_and_statements',
    ),
  ],
  ['S32', 'not to be read', 'unknown', /EACCES/, noEnvironment],

  ['S34', 'disable', 'fail', /a: disable/, mode('disable')],
  ['S34', 'allow', 'fail', /a: allow/, mode('allow')],
  ['S34', 'prefer', 'fail', /a: prefer/, mode('prefer')],
  ['S34', 'require', 'warn', /a: require/, mode('require')],
  ['S34', 'verify-ca', 'pass', /1 verified/, mode('verify-ca')],
  [
    'S34',
    'one of two',
    'fail',
    /^b: prefer$/,
    databases({ name: 'a', host: 'db', sslMode: 'require' }, { name: 'b', host: 'db', sslMode: 'prefer' }),
  ],
  ['S34', 'on loopback', 'pass', /none/, mode('disable', '127.0.0.1')],
  ['S34', 'on loopback, IPv6', 'pass', /none/, mode('disable', '::1')],
  ['S34', 'localhost', 'pass', /none/, mode('disable', 'localhost')],
  ['S34', 'a Unix socket', 'pass', /none/, mode('disable', '/run/postgresql')],
  ['S34', 'a name that begins like loopback', 'fail', /a: prefer/, mode('prefer', 'localhost.example')],
  [
    'S34',
    'a configuration that cannot be read',
    'unknown',
    /cannot be read/,
    { configured: { databases: undefined } },
  ],

  ['S35', 'a port nobody named', 'fail', /^0\.0\.0\.0 port 8000$/, tcp(tcpLine('00000000:1F40'))],
  [
    'S35',
    'IPv6',
    'fail',
    /^0:0:0:0:0:0:0:0 port 8000$/,
    tcp6(tcpLine(`${'0'.repeat(32)}:1F40`, `${'0'.repeat(32)}:0000`)),
  ],
  [
    'S35',
    'an IPv6 address of one machine',
    'fail',
    /fe80:0:0:0:0:0:0:1 port 8000/,
    tcp6(tcpLine('000080FE000000000000000001000000:1F40', `${'0'.repeat(32)}:0000`)),
  ],
  [
    'S35',
    'allowed',
    'pass',
    /all as meant/,
    { ...tcp(tcpLine('00000000:1F40')), configured: { ports: [8088, 8000] } },
  ],
  ['S35', 'on loopback', 'pass', /1 listening/, tcp(tcpLine('0100007F:1F40'))],
  [
    'S35',
    'on IPv6 loopback',
    'pass',
    /all as meant/,
    tcp6(tcpLine('00000000000000000000000001000000:1F40', `${'0'.repeat(32)}:0000`)),
  ],
  [
    'S35',
    'on IPv4 loopback in an IPv6 socket',
    'pass',
    /all as meant/,
    tcp6(tcpLine('0000000000000000FFFF00000100007F:1F40', `${'0'.repeat(32)}:0000`)),
  ],
  ['S35', 'the inspector, even on loopback', 'fail', /127\.0\.0\.1 port 9229/, tcp(tcpLine('0100007F:240D'))],
  [
    'S35',
    'the inspector, even allowed',
    'fail',
    /9229/,
    { ...tcp(tcpLine('00000000:240D')), configured: { ports: [9229] } },
  ],
  [
    'S35',
    'a connection is no listener',
    'pass',
    /0 listening/,
    tcp(tcpLine('0200000A:1F40', '0300000A:1538', '01')),
  ],
  ['S35', 'a kernel without IPv6', 'pass', /2 listening/, { tree: { '/proc/self/net/tcp6': undefined } }],
  ['S35', 'not to be read', 'unknown', /EACCES/, { tree: { '/proc/self/net/tcp': { error: 'EACCES' } } }],
  [
    'S35',
    'IPv6 not to be read',
    'unknown',
    /EACCES/,
    { tree: { '/proc/self/net/tcp6': { error: 'EACCES' } } },
  ],

  [
    'S36',
    '--inspect',
    'fail',
    /NODE_OPTIONS has --inspect/,
    environment('NODE_OPTIONS=--max-old-space-size=100 --inspect'),
  ],
  [
    'S36',
    '--inspect-brk with an address',
    'fail',
    /NODE_OPTIONS/,
    environment('NODE_OPTIONS=--inspect-brk=0.0.0.0:9229'),
  ],
  [
    'S36',
    '--inspect on the command line',
    'fail',
    /command line/,
    { tree: { '/proc/self/cmdline': '/usr/bin/node\0--inspect=0.0.0.0\0x.js\0' } },
  ],
  ['S36', 'harmless options', 'pass', /none/, environment('NODE_OPTIONS=--max-old-space-size=100')],
  [
    'S36',
    'Node.js verifies nothing',
    'fail',
    /NODE_TLS_REJECT_UNAUTHORIZED/,
    environment('NODE_TLS_REJECT_UNAUTHORIZED=0'),
  ],
  ['S36', 'Node.js verifies', 'pass', /none/, environment('NODE_TLS_REJECT_UNAUTHORIZED=1')],
  ['S36', 'Python verifies nothing', 'fail', /PYTHONHTTPSVERIFY/, environment('PYTHONHTTPSVERIFY=0')],
  [
    'S36',
    'Prefect verifies nothing',
    'fail',
    /PREFECT_API_TLS/,
    environment('PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true'),
  ],
  [
    'S36',
    'keys of sessions are written down',
    'fail',
    /SSLKEYLOGFILE/,
    environment('SSLKEYLOGFILE=/tmp/keys'),
  ],
  ['S36', 'not to be read', 'unknown', /EACCES/, noEnvironment],

  ['S37', 'sudo', 'fail', /^sudo$/, program('/usr/bin/sudo')],
  ['S37', 'an SSH server', 'fail', /^sshd$/, program('/usr/sbin/sshd')],
  [
    'S37',
    'sudo in a directory of its own',
    'fail',
    /sudo/,
    { tree: { '/proc/self/environ': 'PATH=/opt/tools\0', '/opt/tools/sudo': { mode: 0o755 } } },
  ],
  [
    'S37',
    'a shell and a package manager',
    'warn',
    /^sh, apt$/,
    { tree: { '/bin/sh': { mode: 0o755 }, '/usr/bin/apt': { mode: 0o755 } } },
  ],
  [
    'S37',
    'a compiler by a link',
    'warn',
    /^gcc$/,
    { tree: { '/usr/bin/gcc': { link: '/usr/bin/gcc-14' }, '/usr/bin/gcc-14': { mode: 0o755 } } },
  ],
  ['S37', 'a link that leads nowhere', 'pass', /none/, { tree: { '/bin/sh': { link: '/bin/dash' } } }],
  ['S37', 'a file that cannot be run', 'pass', /none/, program('/usr/bin/sudo', 0o644)],
  ['S37', 'not to be seen', 'unknown', /EACCES/, { tree: { '/usr/local/bin': { error: 'EACCES' } } }],

  ['S38', 'there', 'warn', /token/, { tree: { [token]: '' } }],
  ['S38', 'where /var/run is no link', 'warn', /\/var\/run/, { tree: { [`/var${token}`]: '' } }],
  ['S38', 'not to be seen', 'unknown', /EACCES/, { tree: { '/run/secrets': { error: 'EACCES' } } }],
]
