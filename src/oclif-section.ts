/** The oclif section of package.json, for the files of one kind: compiled ones below dist, or sources. */
export const oclifSection = (extension: 'js' | 'ts') => ({
  bin: 'belay',
  dirname: 'belay',
  commands: { strategy: 'pattern' as const, target: './commands' },
  helpClass: `./belay-help.${extension}`,
  topicSeparator: ' ' as const,
})
