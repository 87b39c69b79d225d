// Files of tests share a process: what one of them sets for itself is set back at its end.

import fc from "fast-check";
import { afterAll, vi } from "vitest";

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  fc.resetConfigureGlobal();
});
