// Pages run no machine code, and nobody expects it of them.

import type { NativeCode } from "../platform.ts";

export const nativeCode: NativeCode = { open: () => "" };
