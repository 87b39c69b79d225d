// Pages load no shared libraries.

import type { Foreign } from "../native.ts";

export const foreign: Foreign = { open: () => "pages cannot load shared libraries" };
