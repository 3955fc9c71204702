/** Whether a path is a directory or lies in it; both without a slash at their end. Names of datasets are such paths. */
export const isAtOrBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`)
