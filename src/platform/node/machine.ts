// The machine and the runtime.

import { availableParallelism, cpus, hostname, totalmem } from "node:os";
import type { Machine } from "../platform.ts";
import { returnFreedMemory } from "./freed_memory.ts";
import { enableWideVectors } from "./wide_vectors.ts";

export const machine: Machine = {
  cores: availableParallelism,
  allCores: () => Math.max(cpus().length, availableParallelism()),
  memory: usableMemory,
  sharesMemory: () => true,
  hasOrigin: false,
  hostName: hostname,
  runtime: `node/${process.versions.node}`,
  environment: process.env,
  widenVectors: enableWideVectors,
  returnFreedMemory,
  warn: (message) => process.emitWarning(message),
  onExit(last) {
    const listener = (code: number): void => {
      process.exitCode = last(code);
    };
    process.on("exit", listener);
    return () => process.off("exit", listener);
  },
};

/** The machine's memory, or less where the process's container has less. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
