// Lets other tasks run between parts of a long computation.

import { setImmediate } from "node:timers/promises";
import type { Timing } from "../platform.ts";

export const timing: Timing = {
  letOthersRun: () => setImmediate(),
};
