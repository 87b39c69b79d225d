// What a CPU backend needs to run its programs: code, memory and threads, which belong together.

import type { LinearMemory } from "./linear_memory.ts";
import type { VectorRegisters } from "./simd/builder.ts";
import type { RecordedFunction } from "./simd/statement.ts";
import type { ThreadPool } from "./thread_pool.ts";

export interface Processor {
  /** The backend's name. */
  readonly name: string;
  readonly registers: VectorRegisters;
  readonly memory: LinearMemory;
  /** Most bytes that the memory can have. */
  readonly memoryLimit: number;
  readonly pool: ThreadPool;
  /** Makes code of a program's main loop and kernels, and gives it to all threads. */
  load(program: number, run: RecordedFunction, table: readonly RecordedFunction[]): Promise<void>;
  unload(program: number): void;
  /** Ends the threads; then nothing else may be called. */
  close(): Promise<void>;
}

/** @throws Error unless the number makes sense */
export function checkThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw new Error(`threads: wants a whole number from 1 to 256, got ${threads}`);
}
