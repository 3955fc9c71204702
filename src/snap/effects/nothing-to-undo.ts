/** The undo of a step that changes nothing, or whose work goes with something else that is undone. */
export const nothing = (): Promise<void> => Promise.resolve()
