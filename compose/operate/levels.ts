/** Of log records, the least one first. */
export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
