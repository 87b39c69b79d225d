// Processes of this machine.

import type { Processes } from "../platform.ts";
import { isAlive, processBegun } from "./process_identity.ts";

export const processes: Processes = {
  id: process.pid,
  isAlive: async (id) => isAlive(id),
  begun: async (id) => processBegun(id),
};
