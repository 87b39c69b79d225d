// The WebAssembly backend: compiles a program to one module of SIMD kernels and runs it on a pool of worker threads over
// one shared memory.

import { availableParallelism, totalmem } from "node:os";
import type {
  Backend,
  Executable,
  HostArray,
  KernelTiming,
  ProgramSpec,
  ProgramStats,
} from "../../backend.ts";
import { checkFeeds } from "../../feeds.ts";
import type { Node } from "../../graph.ts";
import { planMemory } from "../../passes/plan_memory.ts";
import { numel, showShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { Allocator } from "./allocator.ts";
import { BARRIER, driver, STEP } from "./driver.ts";
import { PEAK_BUFFER_BYTES, peakKernel } from "./kernels/peak.ts";
import { lower } from "./lower.ts";
import type { BufferInfo, KernelCall, LoweredProgram } from "./program.ts";
import { KernelBuilder } from "./simd/builder.ts";
import { encodeModule, hasRelaxedSimd } from "./simd/wasm.ts";
import { ThreadPool } from "./thread_pool.ts";

const PAGE = 65536;
/** 32-bit addresses: 4 GiB. */
const MAX_PAGES = 65536;
const INITIAL_PAGES = 64;

export interface WasmBackendOptions {
  /** Worker threads; by default one for each processor. Results are the same for any number. */
  readonly threads?: number;
  /** Bytes it may use; by default what the machine has, at most 4 GiB. */
  readonly memoryLimit?: number;
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
    const limit = Math.min(options.memoryLimit ?? totalmem(), MAX_PAGES * PAGE);
    this.#allocator = new Allocator(this.#memory, 1024, limit);
    this.#barrier = this.#allocator.allocate(BARRIER.bytes, "the barrier");
    this.#relaxed = hasRelaxedSimd();
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

  /** What the threads reach together on multiply-adds in registers, in FLOP/s: the best of a few runs. */
  async measurePeak(): Promise<number> {
    const executable = await this.#build(
      { name: "peak", inputs: [], outputs: [] },
      {
        buffers: [{ bytes: PEAK_BUFFER_BYTES, place: { kind: "output" } }],
        calls: [{ kernel: peakKernel, args: [{ buffer: 0, offset: 0 }], label: "peak" }],
        outputs: [],
      },
    );
    let best = 0;
    for (let run = 0; run < 5; run++) {
      const [timing] = await executable.profile([]);
      best = Math.max(best, timing.flops / timing.seconds);
    }
    executable.dispose();
    return best;
  }

  async #build(program: ProgramSpec, lowered: LoweredProgram): Promise<Executable> {
    const id = this.#programs++;
    const layout = this.#place(program, lowered);
    const code = new Map<string, { index: number; builder: KernelBuilder }>();
    for (const { kernel } of lowered.calls) {
      if (code.has(kernel.key)) continue;
      const builder = new KernelBuilder(`k${code.size}`);
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
    this.#writeSteps(layout, lowered.calls, (key) => code.get(key)?.index ?? 0);
    return new WasmExecutable(program, lowered, layout, {
      memory: this.#memory,
      inTurn: (work) => this.#inTurn(work),
      run: (times) => this.#run(id, layout, lowered.calls.length, times),
      dispose: () => this.#dispose(id, layout),
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

  /** Addresses of all buffers, and blocks for the step table and the threads' scratch. */
  #place(program: ProgramSpec, lowered: LoweredProgram): Layout {
    const arena = planArena(lowered);
    const fixed = lowered.buffers.map((info) =>
      info.place.kind === "arena" || info.place.kind === "variable" ? 0 : info.bytes,
    );
    const align = (bytes: number) => Math.ceil(bytes / 64) * 64;
    const fixedBytes = fixed.reduce((total, bytes) => total + align(bytes), 0);
    const argsCount = lowered.calls.reduce((total, call) => total + call.args.length, 0);
    const stepsBytes = align(lowered.calls.length * STEP.bytes);
    const argsBytes = align(argsCount * 4);
    const scratch = align(Math.max(64, ...lowered.calls.map((call) => call.kernel.scratchBytes)));
    const timesBytes = align((lowered.calls.length + 1) * 8);
    const total =
      align(arena.bytes) + fixedBytes + stepsBytes + argsBytes + timesBytes + scratch * this.threads;

    const base = this.#allocator.allocate(total, `program ${program.name}`);
    const variables = new Map<Node, number>();
    let next = base + align(arena.bytes);
    const take = (bytes: number) => {
      const address = next;
      next += align(bytes);
      return address;
    };
    const addresses = lowered.buffers.map((info, i) => {
      switch (info.place.kind) {
        case "arena":
          return base + arena.offsets[i];
        case "variable": {
          const { address } = this.#variable(info.place.node, false);
          variables.set(info.place.node, address);
          return address;
        }
        case "constant": {
          const address = take(info.bytes);
          if (info.place.node.op.kind === "constant") copyIn(this.#memory, address, info.place.node.op.data);
          return address;
        }
        default:
          return take(info.bytes);
      }
    });
    return {
      base,
      bytes: total,
      arenaBytes: arena.bytes,
      addresses,
      steps: take(stepsBytes),
      args: take(argsBytes),
      times: take(timesBytes),
      scratch: next,
      scratchBytes: scratch,
    };
  }

  #writeSteps(layout: Layout, calls: readonly KernelCall[], functionIndex: (key: string) => number): void {
    const words = new Int32Array(this.#memory.buffer);
    let args = layout.args;
    for (const [i, call] of calls.entries()) {
      const step = (layout.steps + i * STEP.bytes) / 4;
      words[step + STEP.functionIndex / 4] = functionIndex(call.kernel.key);
      words[step + STEP.tiles / 4] = call.kernel.tiles;
      words[step + STEP.args / 4] = args;
      words[step + STEP.counter / 4] = 0;
      for (const { buffer, offset } of call.args) {
        words[args / 4] = layout.addresses[buffer] + offset;
        args += 4;
      }
    }
  }

  async #run(program: number, layout: Layout, steps: number, times: boolean): Promise<void> {
    const words = new Int32Array(this.#memory.buffer);
    for (let i = 0; i < steps; i++) words[(layout.steps + i * STEP.bytes + STEP.counter) / 4] = 0;
    await this.#pool.run(program, (thread) => [
      layout.steps,
      steps,
      this.threads,
      layout.scratch + thread * layout.scratchBytes,
      this.#barrier,
      times && thread === 0 ? layout.times : 0,
    ]);
  }

  #dispose(program: number, layout: Layout): void {
    this.#pool.broadcast({ kind: "unload", program });
    this.#allocator.release(layout.base, layout.bytes);
  }
}

interface Layout {
  readonly base: number;
  readonly bytes: number;
  readonly arenaBytes: number;
  readonly addresses: readonly number[];
  readonly steps: number;
  readonly args: number;
  readonly times: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

function copyIn(memory: WebAssembly.Memory, address: number, data: HostArray): void {
  if (data instanceof Int32Array) new Int32Array(memory.buffer, address, data.length).set(data);
  else new Float32Array(memory.buffer, address, data.length).set(data);
}

/** Lifetimes of the arena's buffers are the first and last call that names them. */
function planArena({ buffers, calls }: LoweredProgram): { offsets: number[]; bytes: number } {
  const first = new Array<number>(buffers.length).fill(Number.POSITIVE_INFINITY);
  const last = new Array<number>(buffers.length).fill(-1);
  for (const [i, call] of calls.entries()) {
    for (const { buffer } of call.args) {
      first[buffer] = Math.min(first[buffer], i);
      last[buffer] = i;
    }
  }
  const isUsed = (info: BufferInfo, i: number) => info.place.kind === "arena" && last[i] >= 0;
  const arena = buffers.flatMap((info, i) => (isUsed(info, i) ? [i] : []));
  const plan = planMemory(arena.map((i) => ({ bytes: buffers[i].bytes, first: first[i], last: last[i] })));
  const offsets = new Array<number>(buffers.length).fill(0);
  for (const [j, i] of arena.entries()) offsets[i] = plan.offsets[j];
  return { offsets, bytes: plan.bytes };
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
  readonly #layout: Layout;
  readonly #machine: Machine;
  readonly #inputs: (number | undefined)[];
  #disposed = false;

  constructor(program: ProgramSpec, lowered: LoweredProgram, layout: Layout, machine: Machine) {
    this.#program = program;
    this.#lowered = lowered;
    this.#layout = layout;
    this.#machine = machine;
    this.#inputs = program.inputs.map(({ node }) => {
      const buffer = lowered.buffers.findIndex(({ place }) => place.kind === "input" && place.node === node);
      return buffer === -1 ? undefined : layout.addresses[buffer];
    });
    this.stats = {
      arenaBytes: layout.arenaBytes,
      flops: lowered.calls.reduce((total, call) => total + call.kernel.flops, 0),
      kernels: lowered.calls.length,
    };
  }

  run(feeds: readonly HostArray[]): Promise<Float32Array[]> {
    checkFeeds(this.#program, feeds);
    return this.#machine.inTurn(async () => {
      await this.#start(feeds, false);
      return this.#lowered.outputs.map(({ buffer, offset }, i) => {
        const address = this.#layout.addresses[buffer] + offset;
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
      const times = new Float64Array(this.#machine.memory.buffer, this.#layout.times, calls.length + 1);
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
