// Pages run no machine code, and nobody expects it of them.

import type { NativeCode } from "../native.ts";

export const nativeCode: NativeCode = { open: () => "" };
