// Processes of this machine.

import { isAlive, processBegun } from "../../io/process_identity.ts";
import type { Processes } from "../platform.ts";

export const processes: Processes = {
  id: process.pid,
  isAlive: async (id) => isAlive(id),
  begun: async (id) => processBegun(id),
};
