// Test files share a process: restores at a file's end what the file has set.

import fc from "fast-check";
import { afterAll, vi } from "vitest";

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  fc.resetConfigureGlobal();
});
