/** Whether a package name matches one of the patterns of policy, in which `*` stands for any text and `?` for one character. */
export const matchesPackageGlob = (name: string, globs: readonly string[]): boolean => globs.some((glob) => expressionOf(glob).test(name))

const expressionOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )
