import prettier from 'eslint-config-prettier'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

// design: commands parse, call and render; planners are pure; only adapters touch the machine.
const MACHINE = ['node:fs', 'node:fs/promises', 'node:child_process', 'execa', 'pino']
const OF_THE_MACHINE = 'go through a port of src/sys/ports.ts'

const NO_CLOCK = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'take the time from the Clock port' },
  { selector: 'CallExpression[callee.name="Date"]', message: 'take the time from the Clock port' },
]
const NO_DEFAULT_EXPORT = [{ selector: 'ExportDefaultDeclaration', message: 'export by name' }]
const NO_DATE_NOW = { object: 'Date', property: 'now', message: 'take the time from the Clock port' }
const NO_ENVIRONMENT = { object: 'process', property: 'env', message: 'the composition root reads the environment' }

const restrictImports = (paths, message, patterns = []) => ({
  'no-restricted-imports': ['error', { paths: paths.map((name) => ({ name, message })), patterns }],
})

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'test/fixtures/']),
  {
    files: ['**/*.ts', '**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...NO_DEFAULT_EXPORT],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      ...restrictImports(MACHINE, OF_THE_MACHINE),
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...NO_DEFAULT_EXPORT, ...NO_CLOCK],
      'no-restricted-properties': ['error', NO_DATE_NOW, NO_ENVIRONMENT],
    },
  },
  {
    files: ['src/{snap,boot,pkg,policy,operations,view}/**/*.ts'],
    rules: restrictImports(MACHINE, OF_THE_MACHINE, [
      { regex: '^node:(?!crypto$|path$|path/posix$|util$|stream|timers/promises$|zlib$)', message: 'this folder works through ports' },
    ]),
  },
  {
    files: ['src/snap/plan/**/*.ts', 'src/snap/{model,names,index-change}.ts'],
    rules: {
      ...restrictImports(MACHINE, OF_THE_MACHINE, [
        { regex: '^node:(?!crypto$|path/posix$)', message: 'planning is pure' },
        { group: ['**/sys/*'], allowTypeImports: true, message: 'planning is pure' },
      ]),
      'no-restricted-globals': ['error', { name: 'process', message: 'planning is pure' }],
    },
  },
  {
    files: ['src/sys/**/*.ts'],
    rules: {
      ...restrictImports(['execa', 'pino'], 'only its own adapter loads this package'),
      'no-restricted-properties': ['error', NO_DATE_NOW],
    },
  },
  { files: ['src/sys/runner-execa.ts', 'src/sys/log-pino.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['src/sys/clock-system.ts'], rules: { 'no-restricted-syntax': ['error', ...NO_DEFAULT_EXPORT] } },
  { files: ['src/print-error.ts', 'src/runtime.ts'], rules: { 'no-restricted-properties': ['error', NO_DATE_NOW] } },
  {
    files: ['src/commands/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...NO_CLOCK],
      'no-restricted-globals': ['error', { name: 'Date', message: 'the use case knows the time' }],
    },
  },
  // oclif and the tools ask for default exports here.
  { files: ['src/belay-help.ts'], rules: { 'no-restricted-syntax': ['error', ...NO_CLOCK] } },
  { files: ['*.config.ts', '*.config.js', '.dependency-cruiser.mjs'], rules: { 'no-restricted-syntax': 'off' } },
  // Plain JavaScript is not in tsconfig.json.
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
  prettier,
)
