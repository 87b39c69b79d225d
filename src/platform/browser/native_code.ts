// Pages run no machine code.

import type { NativeCode } from "../platform.ts";

export const nativeCode: NativeCode = { open: () => "pages run no machine code" };
