// HTTP as bytes, for requests that no client would send.

import { request } from 'node:http'
import { connect, type NetConnectOpts } from 'node:net'

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number
  readonly head: string
  readonly body: string
}

/**
 * Sends the bytes and reads until the other side closes. A reset after the answer counts as its end.
 * @param hangUp says after the bytes that no more will come
 */
export function sendRaw(where: NetConnectOpts, bytes: string | Buffer, hangUp = false): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(where)
    socket.on('data', (chunk) => chunks.push(chunk as Buffer))
    socket.on('error', () => {})
    socket.once('close', () => {
      const text = Buffer.concat(chunks).toString()
      const end = text.indexOf('\r\n\r\n')
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
        head: text.slice(0, end),
        body: text.slice(end + 4),
      })
    })
    if (hangUp) socket.end(bytes)
    else socket.write(bytes)
  })
}

export function rawRequest(line: string, headers = ''): string {
  return `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`
}

export interface SocketAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
  readonly json: Record<string, unknown>
}

/** A call on a unix socket. */
export function callSocket(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<SocketAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: text === '' ? {} : JSON.parse(text),
        })
      })
    })
    call.once('error', reject)
    call.end(body)
  })
}
