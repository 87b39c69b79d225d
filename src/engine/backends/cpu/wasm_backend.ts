// The WebAssembly backend: compiles a program to one module of SIMD kernels and runs it on a pool of worker threads over
// one shared memory.

import { availableParallelism, totalmem } from "node:os";
import type {
  Backend,
  Executable,
  HostArray,
  KernelTiming,
  MemoryNeed,
  ProgramSpec,
  ProgramStats,
} from "../../backend.ts";
import { checkFeeds } from "../../feeds.ts";
import type { Node } from "../../graph.ts";
import { numel, showShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { Allocator } from "./allocator.ts";
import { BARRIER, driver, STEP } from "./driver.ts";
import { BANDWIDTH_BUFFER_BYTES, bandwidthKernel } from "./kernels/bandwidth.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { PEAK_BUFFER_BYTES, peakKernel } from "./kernels/peak.ts";
import { type Layout, planLayout } from "./layout.ts";
import { lower } from "./lower.ts";
import type { KernelCall, LoweredProgram } from "./program.ts";
import { KERNEL_SIGNATURE, KernelBuilder } from "./simd/builder.ts";
import { encodeModule, hasRelaxedSimd } from "./simd/wasm.ts";
import { ThreadPool } from "./thread_pool.ts";
import { enableWideVectors } from "./wide_vectors.ts";

const PAGE = 65536;
/** 32-bit addresses: 4 GiB. */
const MAX_PAGES = 65536;
const INITIAL_PAGES = 64;

export interface WasmBackendOptions {
  /** Worker threads; by default one for each processor. Results are the same for any number. */
  readonly threads?: number;
  /** Bytes it may use; by default what the machine has, at most 4 GiB. */
  readonly memoryLimit?: number;
  /** Let V8 make AVX2 instructions of pairs of vectors where it can (default true). Results are the same. */
  readonly wideVectors?: boolean;
}

interface Variable {
  readonly address: number;
  readonly bytes: number;
}

export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly #memory: WebAssembly.Memory;
  readonly #allocator: Allocator;
  readonly #pool: ThreadPool;
  readonly #relaxed: boolean;
  readonly #wide: boolean;
  readonly #limit: number;
  readonly #barrier: number;
  readonly #variables = new Map<Node, Variable>();
  #programs = 0;
  /** Runs take turns: they share the threads and the variables. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: WasmBackendOptions = {}) {
    const threads = options.threads ?? availableParallelism();
    if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
      throw new Error(`threads: wants a whole number from 1 to 256, got ${threads}`);
    }
    this.#memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES, shared: true });
    this.#limit = Math.min(options.memoryLimit ?? totalmem(), MAX_PAGES * PAGE);
    this.#allocator = new Allocator(this.#memory, 1024, this.#limit);
    this.#barrier = this.#allocator.allocate(BARRIER.bytes, "the barrier");
    this.#relaxed = hasRelaxedSimd();
    this.#wide = options.wideVectors !== false && enableWideVectors();
    this.#pool = new ThreadPool(threads, this.#memory);
  }

  get threads(): number {
    return this.#pool.threads;
  }

  /** Bytes in use now: variables and compiled programs. */
  get usedBytes(): number {
    return this.#allocator.usedBytes;
  }

  write(variable: Tensor, data: HostArray): void {
    if (data.length !== numel(variable.shape)) {
      throw new Error(`write: ${data.length} values do not fill ${showShape(variable.shape)}`);
    }
    const { address } = this.#variable(variable.node, true);
    copyIn(this.#memory, address, data);
  }

  read(variable: Tensor): Float32Array {
    const { address, bytes } = this.#variable(variable.node, false);
    return new Float32Array(this.#memory.buffer, address, bytes / 4).slice();
  }

  async compile(program: ProgramSpec): Promise<Executable> {
    const integer = program.outputs.find((output) => output.dtype !== "f32");
    if (integer !== undefined)
      throw new Error(`${program.name}: outputs must be f32, got ${integer.dtype}; cast it`);
    return this.#build(program, lower(program));
  }

  memory(program: ProgramSpec): MemoryNeed {
    const lowered = lower(program);
    const variables = lowered.buffers.filter(({ place }) => place.kind === "variable");
    const state = variables.reduce((total, { bytes }) => total + bytes, 0);
    return { needed: planLayout(lowered, this.threads).bytes + state, available: this.#limit };
  }

  /** What the threads reach together on multiply-adds in registers, in FLOP/s: the best of a few runs. */
  async measurePeak(): Promise<number> {
    return peakKernel.flops / (await this.#bestSeconds(peakKernel, PEAK_BUFFER_BYTES));
  }

  /**
   * What the threads reach together on an array larger than the caches, in bytes read or written per second: the best
   * of a few runs. @throws MemoryError when the array does not fit
   */
  async measureBandwidth(): Promise<number> {
    return bandwidthKernel.bytes / (await this.#bestSeconds(bandwidthKernel, BANDWIDTH_BUFFER_BYTES));
  }

  async #bestSeconds(kernel: Kernel, bufferBytes: number): Promise<number> {
    const executable = await this.#build(
      { name: kernel.family, inputs: [], outputs: [] },
      {
        buffers: [{ bytes: bufferBytes, place: { kind: "output" } }],
        calls: [{ kernel, args: [{ buffer: 0, offset: 0 }], label: kernel.family }],
        outputs: [],
      },
    );
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 5; run++) {
      const [timing] = await executable.profile([]);
      best = Math.min(best, timing.seconds);
    }
    executable.dispose();
    return best;
  }

  async #build(program: ProgramSpec, lowered: LoweredProgram): Promise<Executable> {
    const id = this.#programs++;
    const placement = this.#place(program, lowered);
    const code = new Map<string, { index: number; builder: KernelBuilder }>();
    for (const { kernel } of lowered.calls) {
      if (code.has(kernel.key)) continue;
      const builder = new KernelBuilder(`k${code.size}`, KERNEL_SIGNATURE, this.#wide);
      kernel.emit(builder);
      code.set(kernel.key, { index: code.size, builder });
    }
    const bytes = encodeModule({
      memory: { initial: INITIAL_PAGES, maximum: MAX_PAGES, shared: true },
      exports: { run: driver() },
      table: [...code.values()].map(({ builder }) => builder),
      relaxed: this.#relaxed,
    });
    const module = await WebAssembly.compile(bytes);
    this.#pool.broadcast({ kind: "load", program: id, module });
    this.#writeSteps(placement, lowered.calls, (key) => code.get(key)?.index ?? 0);
    return new WasmExecutable(program, lowered, placement, {
      memory: this.#memory,
      inTurn: (work) => this.#inTurn(work),
      run: (times) => this.#run(id, placement, lowered.calls.length, times),
      dispose: () => this.#dispose(id, placement),
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
    this.#variables.clear();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work, work);
    this.#turn = next;
    return next;
  }

  #variable(node: Node, create: boolean): Variable {
    const known = this.#variables.get(node);
    if (known !== undefined) return known;
    const name = node.op.kind === "variable" ? node.op.name : node.op.kind;
    if (!create) throw new Error(`variable ${name} was read before it was written`);
    const bytes = numel(node.shape) * 4;
    const created = { address: this.#allocator.allocate(bytes, `variable ${name}`), bytes };
    this.#variables.set(node, created);
    return created;
  }

  /** Takes the block and fills in what is constant. */
  #place(program: ProgramSpec, lowered: LoweredProgram): Placement {
    const layout = planLayout(lowered, this.threads);
    const variables = lowered.buffers.map(({ place }) =>
      place.kind === "variable" ? this.#variable(place.node, false).address : 0,
    );
    const base = this.#allocator.allocate(layout.bytes, `program ${program.name}`);
    const addresses = lowered.buffers.map(({ place }, i) =>
      place.kind === "variable" ? variables[i] : base + layout.buffers[i],
    );
    for (const [i, { place }] of lowered.buffers.entries()) {
      if (place.kind === "constant" && place.node.op.kind === "constant") {
        copyIn(this.#memory, addresses[i], place.node.op.data);
      }
    }
    return { base, layout, addresses };
  }

  #writeSteps(
    { base, layout, addresses }: Placement,
    calls: readonly KernelCall[],
    functionIndex: (key: string) => number,
  ): void {
    const words = new Int32Array(this.#memory.buffer);
    let args = base + layout.args;
    for (const [i, call] of calls.entries()) {
      const step = (base + layout.steps + i * STEP.bytes) / 4;
      words[step + STEP.functionIndex / 4] = functionIndex(call.kernel.key);
      words[step + STEP.tiles / 4] = call.kernel.tiles;
      words[step + STEP.args / 4] = args;
      words[step + STEP.counter / 4] = 0;
      for (const { buffer, offset } of call.args) {
        words[args / 4] = addresses[buffer] + offset;
        args += 4;
      }
    }
  }

  async #run(program: number, { base, layout }: Placement, steps: number, times: boolean): Promise<void> {
    const words = new Int32Array(this.#memory.buffer);
    for (let i = 0; i < steps; i++) words[(base + layout.steps + i * STEP.bytes + STEP.counter) / 4] = 0;
    await this.#pool.run(program, (thread) => [
      base + layout.steps,
      steps,
      this.threads,
      base + layout.scratch + thread * layout.scratchBytes,
      this.#barrier,
      times && thread === 0 ? base + layout.times : 0,
    ]);
  }

  #dispose(program: number, { base, layout }: Placement): void {
    this.#pool.broadcast({ kind: "unload", program });
    this.#allocator.release(base, layout.bytes);
  }
}

/** A layout at its address. */
interface Placement {
  readonly base: number;
  readonly layout: Layout;
  readonly addresses: readonly number[];
}

function copyIn(memory: WebAssembly.Memory, address: number, data: HostArray): void {
  if (data instanceof Int32Array) new Int32Array(memory.buffer, address, data.length).set(data);
  else new Float32Array(memory.buffer, address, data.length).set(data);
}

interface Machine {
  readonly memory: WebAssembly.Memory;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly run: (times: boolean) => Promise<void>;
  readonly dispose: () => void;
}

class WasmExecutable implements Executable {
  readonly stats: ProgramStats;
  readonly #program: ProgramSpec;
  readonly #lowered: LoweredProgram;
  readonly #placement: Placement;
  readonly #machine: Machine;
  readonly #inputs: (number | undefined)[];
  #disposed = false;

  constructor(program: ProgramSpec, lowered: LoweredProgram, placement: Placement, machine: Machine) {
    this.#program = program;
    this.#lowered = lowered;
    this.#placement = placement;
    this.#machine = machine;
    this.#inputs = program.inputs.map(({ node }) => {
      const buffer = lowered.buffers.findIndex(({ place }) => place.kind === "input" && place.node === node);
      return buffer === -1 ? undefined : placement.addresses[buffer];
    });
    this.stats = {
      arenaBytes: placement.layout.arenaBytes,
      flops: lowered.calls.reduce((total, call) => total + call.kernel.flops, 0),
      kernels: lowered.calls.length,
    };
  }

  run(feeds: readonly HostArray[]): Promise<Float32Array[]> {
    checkFeeds(this.#program, feeds);
    return this.#machine.inTurn(async () => {
      await this.#start(feeds, false);
      return this.#lowered.outputs.map(({ buffer, offset }, i) => {
        const address = this.#placement.addresses[buffer] + offset;
        const count = numel(this.#program.outputs[i].shape);
        return new Float32Array(this.#machine.memory.buffer, address, count).slice();
      });
    });
  }

  profile(feeds: readonly HostArray[]): Promise<KernelTiming[]> {
    checkFeeds(this.#program, feeds);
    return this.#machine.inTurn(async () => {
      await this.#start(feeds, true);
      const { calls } = this.#lowered;
      const { base, layout } = this.#placement;
      const times = new Float64Array(this.#machine.memory.buffer, base + layout.times, calls.length + 1);
      return calls.map(({ kernel, label }, i) => ({
        family: kernel.family,
        label,
        seconds: (times[i + 1] - times[i]) / 1000,
        flops: kernel.flops,
        bytes: kernel.bytes,
      }));
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#machine.dispose();
  }

  async #start(feeds: readonly HostArray[], times: boolean): Promise<void> {
    if (this.#disposed) throw new Error(`${this.#program.name}: the program was disposed of`);
    for (const [i, feed] of feeds.entries()) {
      const address = this.#inputs[i];
      if (address !== undefined) copyIn(this.#machine.memory, address, feed);
    }
    await this.#machine.run(times);
  }
}
