// Turns between long computations and everything else.

import { setImmediate } from "node:timers/promises";
import type { Timing } from "../platform.ts";

export const timing: Timing = {
  letOthersRun: () => setImmediate(),
};
