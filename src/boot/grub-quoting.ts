/**
 * A text as one word of GRUB's script language: in single quotes everything is literal (grub-core/script/yylex.l), and GRUB has no way to
 * write a control character there, so those become blanks.
 */
export function grubQuote(text: string): string {
  return `'${text.replaceAll(/\p{Cc}/gu, ' ').replaceAll("'", String.raw`'\''`)}'`
}
