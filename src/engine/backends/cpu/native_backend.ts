// The machine-code backend: the same kernels as instructions of this processor, on threads over memory outside of
// JavaScript, which may be larger than WebAssembly's 4 GiB.

import { machine } from "#platform";
import type { NativeMachine } from "../../../platform/native.ts";
import { CpuBackend, type CpuBackendOptions } from "./cpu_backend.ts";
import { type InstructionSet, instructionSets, REGISTERS } from "./native/instruction_sets.ts";
import { encodeNativeModule } from "./native/module.ts";
import { NativeMemory } from "./native/native_memory.ts";
import { checkThreads, type Processor } from "./processor.ts";
import type { VectorRegisters } from "./simd/builder.ts";
import type { RecordedFunction } from "./simd/statement.ts";
import { ThreadPool } from "./thread_pool.ts";
import { PAGE } from "./words.ts";

export interface NativeBackendOptions extends CpuBackendOptions {
  /** Worker threads; by default one per processor. Results are the same. */
  readonly threads?: number;
}

/** A way to run machine code here, and the instructions to use. */
export interface FoundProcessor {
  readonly machine: NativeMachine;
  readonly instructions: InstructionSet;
}

/** For people. */
export const INSTRUCTION_NAMES: Readonly<Record<InstructionSet, string>> = {
  avx2: "AVX2",
  avx512: "AVX-512",
  neon: "NEON",
};

/** The rest is for the runtime, the system and other programs: without it the system ends processes unasked. */
const MOST_OF_MEMORY = 0.75;

/** The switch in the environment: a set of instructions, or "none". */
const SWITCH = "IMAGO_INSTRUCTIONS";

/** The best instructions that the processor has and the switch allows; or in one line why there are none. */
export function findProcessor(native: NativeMachine): FoundProcessor | string {
  let sets: InstructionSet[];
  try {
    sets = instructionSets(native);
  } catch (error) {
    return `machine code cannot be run here: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (sets.length === 0) return "this processor has no AVX2";
  const wanted = machine.environment[SWITCH];
  if (wanted === undefined) return { machine: native, instructions: sets[0] };
  if (wanted === "none") return `${SWITCH} is none`;
  const instructions = sets.find((set) => set === wanted);
  return instructions === undefined
    ? `${SWITCH} is ${wanted}, expected ${[...sets, "none"].join(" or ")}`
    : { machine: native, instructions };
}

export class NativeBackend extends CpuBackend {
  constructor(processor: FoundProcessor, options: NativeBackendOptions = {}) {
    super(new NativeProcessor(processor, options), options);
  }
}

class NativeProcessor implements Processor {
  readonly name = "native";
  readonly registers: VectorRegisters;
  readonly memory: NativeMemory;
  readonly memoryLimit: number;
  readonly pool: ThreadPool;
  readonly #processor: FoundProcessor;
  /** Where each program's code is. */
  readonly #programs = new Map<number, { readonly address: number; readonly bytes: number }>();

  constructor(processor: FoundProcessor, options: NativeBackendOptions) {
    const threads = options.threads ?? machine.cores();
    checkThreads(threads);
    this.#processor = processor;
    this.registers = REGISTERS[processor.instructions];
    const wanted = options.memoryLimit ?? machine.memory() * MOST_OF_MEMORY;
    this.memory = new NativeMemory(processor.machine, Math.floor(wanted / PAGE) * PAGE);
    this.memoryLimit = this.memory.limit;
    this.pool = new ThreadPool(threads, { library: processor.machine.library });
  }

  async load(program: number, run: RecordedFunction, table: readonly RecordedFunction[]): Promise<void> {
    const { machine: native, instructions } = this.#processor;
    const { system } = native;
    const { code, entries } = encodeNativeModule({ instructions, system, exports: { run }, table });
    const address = native.mapCode(code);
    this.#programs.set(program, { address, bytes: code.byteLength });
    this.pool.broadcast({ kind: "load", program, code: address + (entries.get("run") ?? 0) });
  }

  unload(program: number): void {
    const code = this.#programs.get(program);
    if (code === undefined) return;
    // Runs take turns with this, so no thread is in the code.
    this.#programs.delete(program);
    this.pool.broadcast({ kind: "unload", program });
    this.#processor.machine.unmapCode(code.address, code.bytes);
  }

  async close(): Promise<void> {
    await this.pool.close();
    for (const { address, bytes } of this.#programs.values())
      this.#processor.machine.unmapCode(address, bytes);
    this.#programs.clear();
    this.memory.release();
  }
}
