// The WebAssembly backend: modules of WebAssembly on threads that share one memory, or on one thread with its own.

import { machine } from "#platform";
import { CpuBackend, type CpuBackendOptions } from "./cpu_backend.ts";
import { type LinearMemory, MEMORY_PAGES, SharedMemory, ThreadMemory } from "./linear_memory.ts";
import { checkThreads, type Processor } from "./processor.ts";
import type { VectorRegisters } from "./simd/builder.ts";
import type { RecordedFunction } from "./simd/statement.ts";
import { encodeModule, hasRelaxedSimd } from "./simd/wasm.ts";
import { ThreadPool } from "./thread_pool.ts";
import { PAGE } from "./words.ts";

const HOW_TO_SHARE =
  "a page's server allows it by Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";

export interface WasmBackendOptions extends CpuBackendOptions {
  /** Worker threads; by default one per processor, or one where they cannot share memory. Results are the same. */
  readonly threads?: number;
  /** Whether threads share one memory; by default where the platform can. Without, there is one thread. */
  readonly sharedMemory?: boolean;
  /** Let V8 compile pairs of vectors to AVX2 instructions where it can (default true). Results are the same. */
  readonly wideVectors?: boolean;
}

export class WasmBackend extends CpuBackend {
  constructor(options: WasmBackendOptions = {}) {
    super(new WasmProcessor(options), options);
  }
}

class WasmProcessor implements Processor {
  readonly name = "wasm";
  readonly registers: VectorRegisters;
  readonly memory: LinearMemory;
  readonly memoryLimit = Math.min(machine.memory(), MEMORY_PAGES.maximum * PAGE);
  readonly pool: ThreadPool;
  /** Whether threads share the memory. */
  readonly #shared: boolean;
  readonly #relaxed = hasRelaxedSimd();

  constructor(options: WasmBackendOptions) {
    this.#shared = options.sharedMemory ?? machine.sharesMemory();
    const threads = options.threads ?? (this.#shared ? machine.cores() : 1);
    checkThreads(threads);
    if (threads > 1 && !this.#shared) {
      throw new Error(`threads: memory cannot be shared here, so wants 1, got ${threads}; ${HOW_TO_SHARE}`);
    }
    if (this.#shared) {
      const memory = new WebAssembly.Memory({ ...MEMORY_PAGES, shared: true });
      this.pool = new ThreadPool(threads, { memory });
      this.memory = new SharedMemory(memory);
    } else {
      this.pool = new ThreadPool(threads, { memory: MEMORY_PAGES });
      this.memory = new ThreadMemory(this.pool);
    }
    const isWide = options.wideVectors !== false && machine.widenVectors();
    this.registers = { count: 16, vectors: isWide ? 2 : 1 };
  }

  async load(program: number, run: RecordedFunction, table: readonly RecordedFunction[]): Promise<void> {
    const bytes = encodeModule({
      memory: { ...MEMORY_PAGES, shared: this.#shared },
      exports: { run },
      table,
      relaxed: this.#relaxed,
    });
    this.pool.broadcast({ kind: "load", program, code: await WebAssembly.compile(bytes) });
  }

  unload(program: number): void {
    this.pool.broadcast({ kind: "unload", program });
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
