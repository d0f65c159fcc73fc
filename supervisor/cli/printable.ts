/** Text from elsewhere for a terminal: nothing in it moves the cursor, changes colours or breaks the line. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}
