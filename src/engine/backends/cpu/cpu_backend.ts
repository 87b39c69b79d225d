// A backend on the processor: makes one module of SIMD kernels of a program and runs it on a pool of worker threads over
// one memory. What kind of code, memory and calls is the processor's matter (processor.ts).

import {
  type Backend,
  type Executable,
  type HostArray,
  MemoryError,
  type MemoryNeed,
  type ProgramSpec,
} from "../../backend.ts";
import type { Capabilities } from "../../capabilities.ts";
import { checkProgram, checkValues } from "../../checks.ts";
import { toElements } from "../../elements.ts";
import { DTYPE_BYTES, type Node } from "../../graph.ts";
import type { KernelSet } from "../../program/kernel_set.ts";
import { lower } from "../../program/lower.ts";
import type { LoweredProgram } from "../../program/program.ts";
import { numel } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { repeatUntilSteady } from "../steady_times.ts";
import { Allocator, type Block } from "./allocator.ts";
import { CpuExecutable } from "./cpu_executable.ts";
import { cpuCapabilities, cpuKernels } from "./cpu_kernels.ts";
import { BARRIER, driver, STEP } from "./driver.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { BANDWIDTH_BUFFER_BYTES, bandwidthKernel } from "./kernels/yardstick/bandwidth.ts";
import { PEAK_BUFFER_BYTES, peakKernel } from "./kernels/yardstick/peak.ts";
import { type LinearMemory, type MemoryElements, readFloats, readStored } from "./linear_memory.ts";

import { type PlannedProgram, planProgram, type StepTable } from "./memory_layout.ts";
import { Placement, type Variable } from "./placement.ts";
import type { Processor } from "./processor.ts";
import { KERNEL_SIGNATURE, KernelBuilder } from "./simd/builder.ts";
import { Workspace } from "./workspace.ts";

const ended = () => undefined;

export interface CpuBackendOptions {
  /** Bytes it may use; by default the machine's memory, or less where addresses end before. */
  readonly memoryLimit?: number;
  /** Fewer capabilities than the kernels have, to test lowering for other backends. */
  readonly capabilities?: Capabilities;
}

export class CpuBackend implements Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #kernels: KernelSet<Kernel>;
  readonly #processor: Processor;
  readonly #memory: LinearMemory;
  readonly #allocator: Allocator;
  readonly #workspace: Workspace;
  readonly #limit: number;
  readonly #barrier: number;
  readonly #variables = new Map<Node, Variable>();
  /** Programs are first asked for their memory, then compiled. */
  readonly #lowered = new WeakMap<ProgramSpec, LoweredProgram<Kernel>>();
  readonly #plans = new WeakMap<LoweredProgram<Kernel>, PlannedProgram>();
  #programs = 0;
  /** Runs take turns: they share the threads and the variables. */
  #turn: Promise<void> = Promise.resolve();
  /** Work that has been queued and has not ended. */
  #waiting = 0;

  constructor(processor: Processor, { memoryLimit, capabilities = cpuCapabilities }: CpuBackendOptions) {
    this.name = processor.name;
    this.capabilities = capabilities;
    this.#kernels = cpuKernels(capabilities, {
      width: processor.registers.vectors,
      threads: processor.pool.threads,
    });
    this.#processor = processor;
    this.#memory = processor.memory;
    this.#limit = Math.min(memoryLimit ?? Number.POSITIVE_INFINITY, processor.memoryLimit);
    this.#allocator = new Allocator(this.#memory, this.#limit);
    this.#workspace = new Workspace(this.#allocator);
    this.#barrier = this.#allocator.allocate(BARRIER.bytes, "the barrier");
  }

  get threads(): number {
    return this.#processor.pool.threads;
  }

  /** Bytes in use: variables and compiled programs. */
  get usedBytes(): number {
    return this.#allocator.usedBytes;
  }

  write(variable: Tensor, data: HostArray): void {
    checkValues(variable, data);
    const known = this.#variable(variable.node, true);
    const write = (values: HostArray): void => {
      this.#memory.write(known.address, toElements(values, variable.dtype));
      known.version++;
    };
    if (this.#waiting === 0) {
      write(data);
    } else {
      const values = data.slice();
      void this.#inTurn(async () => write(values));
    }
  }

  async read(variable: Tensor): Promise<Float32Array> {
    const elements = this.#elementsOf(variable);
    return this.#inTurn(() => readFloats(this.#memory, elements));
  }

  async readStored(variable: Tensor): Promise<Float32Array | Uint16Array> {
    const elements = this.#elementsOf(variable);
    return this.#inTurn(() => readStored(this.#memory, elements));
  }

  #elementsOf({ node, shape, dtype }: Tensor): MemoryElements {
    const { address } = this.#variable(node, false);
    return { address, count: numel(shape), dtype };
  }

  async view(variable: Tensor): Promise<Float32Array | undefined> {
    const known = this.#variable(variable.node, false);
    const { shape, dtype } = variable;
    if (!this.#memory.isInPlace || dtype !== "f32") return undefined;
    return this.#inTurn(async () => {
      known.version++;
      const { buffer, at } = await this.#memory.view(known.address, known.bytes);
      return new Float32Array(buffer, at, numel(shape));
    });
  }

  async compile(program: ProgramSpec): Promise<Executable> {
    checkProgram(program, this.capabilities);
    return this.#build(program, this.#lower(program));
  }

  memory(program: ProgramSpec): MemoryNeed {
    const lowered = this.#lower(program);
    const variables = lowered.buffers.filter(({ place }) => place.kind === "variable");
    const state = variables.reduce((total, { bytes }) => total + bytes, 0);
    const { layout } = this.#plan(lowered, this.#limit - state);
    return { needed: layout.bytes + state, available: this.#limit };
  }

  #lower(program: ProgramSpec): LoweredProgram<Kernel> {
    const lowered = this.#lowered.get(program) ?? lower(program, this.#kernels);
    this.#lowered.set(program, lowered);
    return lowered;
  }

  #plan(plain: LoweredProgram<Kernel>, availableBytes: number): PlannedProgram {
    const known = this.#plans.get(plain);
    if (known !== undefined && known.layout.bytes <= availableBytes) return known;
    const plan = planProgram(plain, this.threads, availableBytes);
    this.#plans.set(plain, plan);
    return plan;
  }

  /** FLOP/s of all threads together on multiply-adds in registers, for each of several runs. */
  async measurePeak(): Promise<number[]> {
    const seconds = await this.#timesOf(peakKernel, PEAK_BUFFER_BYTES);
    return seconds.map((time) => peakKernel.flops / time);
  }

  /**
   * Bytes per second that all threads together read or write in an array larger than the caches, for each of several
   * runs. @throws MemoryError when the array does not fit
   */
  async measureBandwidth(): Promise<number[]> {
    const seconds = await this.#timesOf(bandwidthKernel, BANDWIDTH_BUFFER_BYTES);
    return seconds.map((time) => bandwidthKernel.bytes / time);
  }

  async #timesOf(kernel: Kernel, bufferBytes: number): Promise<number[]> {
    const executable = await this.#build(
      { name: kernel.family, inputs: [], outputs: [] },
      {
        buffers: [{ bytes: bufferBytes, place: { kind: "output" } }],
        calls: [{ kernel, args: [{ buffer: 0, offset: 0 }], writes: [0], label: kernel.family }],
        preludeCalls: 0,
        outputs: [],
      },
    );
    try {
      // The first run also makes the system map the memory and the runtime optimise the code.
      await executable.profile([]);
      return await repeatUntilSteady(async () => {
        const [{ seconds }] = await executable.profile([]);
        return seconds;
      });
    } finally {
      executable.dispose();
    }
  }

  async #build(program: ProgramSpec, plain: LoweredProgram<Kernel>): Promise<Executable> {
    const id = this.#programs++;
    const placement = await this.#inTurn(async () => this.#place(program, plain));
    const { lowered } = placement;
    const code = new Map<string, { index: number; builder: KernelBuilder }>();
    for (const { kernel } of lowered.calls) {
      if (code.has(kernel.key)) continue;
      const builder = new KernelBuilder(`k${code.size}`, KERNEL_SIGNATURE, this.#processor.registers);
      kernel.emit(builder);
      code.set(kernel.key, { index: code.size, builder });
    }
    const table = [...code.values()].map(({ builder }) => builder);
    await Promise.all([this.#processor.load(id, driver(), table), this.#processor.pool.ready()]);
    const functionIndex = (key: string): number => code.get(key)?.index ?? 0;
    const updated = (program.updates ?? []).map(({ target }) => this.#variable(target.node, false));
    return new CpuExecutable(program, placement, {
      memory: this.#memory,
      threads: this.threads,
      inTurn: (work) => this.#inTurn(work),
      run: (table, times) => {
        if (table !== placement.layout.tables.prelude) for (const variable of updated) variable.version++;
        placement.prepare(this.#memory, functionIndex);
        return this.#run(id, placement, table, times);
      },
      dispose: () => this.#dispose(id, placement),
    });
  }

  async close(): Promise<void> {
    await this.#processor.close();
    this.#variables.clear();
  }

  /** Runs `work` after all work queued before it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const next = this.#turn.then(work).finally(() => this.#waiting--);
    this.#turn = next.then(ended, ended);
    return next;
  }

  #variable(node: Node, create: boolean): Variable {
    const known = this.#variables.get(node);
    if (known !== undefined) return known;
    const name = node.op.kind === "variable" ? node.op.name : node.op.kind;
    if (!create) throw new Error(`variable ${name} was read before it was written`);
    const bytes = numel(node.shape) * DTYPE_BYTES[node.dtype];
    const what = `variable ${name}`;
    const address =
      this.#waiting === 0
        ? this.#workspace.allocateBefore(bytes, what)
        : this.#allocator.allocate(bytes, what);
    const created = { address, bytes, version: 0 };
    this.#variables.set(node, created);
    return created;
  }

  /** Finds memory for a program, without a prelude where there is not enough for one. @throws MemoryError */
  #place(program: ProgramSpec, plain: LoweredProgram<Kernel>): Placement {
    const planned = this.#plan(plain, this.#allocator.largestBytes + this.#workspace.bytes);
    try {
      return this.#placePlanned(program, planned);
    } catch (error) {
      if (!(error instanceof MemoryError) || planned.lowered.preludeCalls === 0) throw error;
      return this.#placePlanned(program, planProgram(plain, this.threads, 0));
    }
  }

  /** Allocates the block and writes its constant contents. */
  #placePlanned(program: ProgramSpec, planned: PlannedProgram): Placement {
    const { buffers } = planned.lowered;
    const { bytes, workspaceBytes } = planned.layout;
    const what = `program ${program.name}`;
    const variables = buffers.map(({ place }) =>
      place.kind === "variable" ? this.#variable(place.node, false) : undefined,
    );
    const block = this.#allocateBlock(bytes - workspaceBytes, workspaceBytes, what);
    const placement = new Placement(planned, variables, block, this.#workspace);
    for (const [i, { place }] of buffers.entries()) {
      if (place.kind === "constant" && place.node.op.kind === "constant") {
        this.#memory.write(placement.addressOf(i), toElements(place.node.op.data, place.node.dtype));
      }
    }
    return placement;
  }

  #allocateBlock(bytes: number, workspaceBytes: number, what: string): Block {
    const block = { start: this.#workspace.allocateBefore(bytes, what), bytes };
    try {
      this.#workspace.add(workspaceBytes, what);
      return block;
    } catch (error) {
      this.#allocator.release(block.start, bytes);
      throw error;
    }
  }

  async #run(program: number, placement: Placement, table: StepTable, times: boolean): Promise<void> {
    const { steps } = table;
    const { layout } = placement;
    const start = placement.at(table.start);
    this.#memory.clear({ address: start + STEP.counter, count: steps.length, stride: STEP.bytes });
    await this.#processor.pool.run(program, (thread) => [
      start,
      steps.length,
      this.threads,
      placement.at(layout.scratch) + thread * layout.scratchBytes,
      this.#barrier,
      times ? placement.at(layout.times) + thread * layout.timesBytes : 0,
    ]);
  }

  #dispose(program: number, { block, layout }: Placement): void {
    this.#processor.unload(program);
    this.#allocator.release(block.start, block.bytes);
    this.#workspace.remove(layout.workspaceBytes);
  }
}
