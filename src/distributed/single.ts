// One process alone: a sum over it is what it has.

import { machine } from "#platform";
import type { Communicator } from "./communicator.ts";
import { DistributedError } from "./errors.ts";

/** A process that computes alone. */
export const singleProcess = (): Communicator => ({
  rank: 0,
  size: 1,
  host: machine.hostName(),
  localRank: 0,
  localSize: 1,
  async broadcast() {},
  async sum() {},
  gather: async (bytes) => [bytes.slice()],
  async barrier() {},
  async abort(cause) {
    throw new DistributedError(cause);
  },
  async close() {},
});
