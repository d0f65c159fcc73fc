import { codeOf, FlowkeepError } from '../../supervisor/core/errors.ts'
import { writeWhole } from '../host/cache-directory.ts'

/** @throws FlowkeepError `usage` when the file cannot be written */
export function writeSarif(file: string, log: object): void {
  try {
    writeWhole(file, `${JSON.stringify(log, null, 2)}\n`)
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    throw new FlowkeepError('usage', {
      operation: 'cannot write the SARIF file',
      subject: file,
      message: `--sarif ${file} cannot be written: ${code}`,
      hint: 'Name a file in a folder that you may write to.',
      cause: error,
    })
  }
}
