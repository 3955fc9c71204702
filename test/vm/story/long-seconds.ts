/** Installing a kernel and its initrd takes minutes where the processor is emulated. */
export const LONG_SECONDS = 1800
