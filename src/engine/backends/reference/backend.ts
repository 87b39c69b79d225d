// The reference backend: interprets the graph node by node in float64.

import { machine } from "#platform";
import {
  type Backend,
  type Executable,
  type HostArray,
  type KernelTiming,
  LateReadError,
  type MemoryNeed,
  type ProgramRun,
  type ProgramSpec,
  type ProgramStats,
  readOutputs,
} from "../../backend.ts";
import type { Capabilities } from "../../capabilities.ts";
import { checkFeeds, checkProgram, checkValues } from "../../checks.ts";
import { toElements, toFloats } from "../../elements.ts";
import { type DType, isHalf, type Node, topologicalOrder } from "../../graph.ts";
import { numel } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { evaluate } from "./evaluate.ts";

/** The interpreter takes any graph. */
const CAPABILITIES: Capabilities = {
  dtypes: ["f32", "i32", "f16", "bf16"],
  maxArrays: Number.POSITIVE_INFINITY,
  inPlace: true,
  readsStrides: () => true,
  tail: () => ({ bias: false, residual: false, perImage: false }),
  takesHalves: () => false,
};

export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly capabilities = CAPABILITIES;
  readonly #state = new Map<Node, Float64Array>();

  write(variable: Tensor, data: HostArray): void {
    checkValues(variable, data);
    this.#state.set(variable.node, valuesOf(data, variable.dtype));
  }

  async read(variable: Tensor): Promise<Float32Array> {
    return Float32Array.from(this.#value(variable.node));
  }

  async readStored(variable: Tensor): Promise<Float32Array | Uint16Array> {
    const values = await this.read(variable);
    const elements = toElements(values, variable.dtype);
    return elements instanceof Uint16Array ? elements : values;
  }

  async compile(program: ProgramSpec): Promise<Executable> {
    checkProgram(program, this.capabilities);
    return new ReferenceExecutable(program, (node) => this.#value(node), this.#state);
  }

  memory(program: ProgramSpec): MemoryNeed {
    const roots = [...program.outputs, ...(program.updates ?? []).map((update) => update.value)];
    const elements = topologicalOrder(roots.map((tensor) => tensor.node)).map((node) => numel(node.shape));
    return { needed: 8 * elements.reduce((total, count) => total + count, 0), available: machine.memory() };
  }

  async close(): Promise<void> {
    this.#state.clear();
  }

  #value(node: Node): Float64Array {
    const value = this.#state.get(node);
    if (value === undefined) {
      const name = node.op.kind === "variable" ? node.op.name : node.op.kind;
      throw new Error(`variable ${name} was read before it was written`);
    }
    return value;
  }
}

/** Host values as they read back from memory. */
function valuesOf(data: HostArray, dtype: DType): Float64Array {
  if (!isHalf(dtype)) return Float64Array.from(data);
  const { buffer, byteOffset, length } = toElements(data, dtype);
  return Float64Array.from(toFloats(buffer, byteOffset, length, dtype));
}

class ReferenceExecutable implements Executable {
  readonly stats: ProgramStats;
  readonly #program: ProgramSpec;
  readonly #order: Node[];
  readonly #variable: (node: Node) => Float64Array;
  readonly #state: Map<Node, Float64Array>;
  #begun = 0;

  constructor(program: ProgramSpec, variable: (node: Node) => Float64Array, state: Map<Node, Float64Array>) {
    this.#program = program;
    this.#variable = variable;
    this.#state = state;
    const roots = [...program.outputs, ...(program.updates ?? []).map((update) => update.value)];
    this.#order = topologicalOrder(roots.map((tensor) => tensor.node));
    const elements = this.#order.reduce((total, node) => total + numel(node.shape), 0);
    this.stats = { arenaBytes: elements * 8, flops: 0, kernels: this.#order.length };
  }

  /** Nothing is deferred: when `begin` returns, the run has ended. */
  begin(feeds: readonly HostArray[]): ProgramRun {
    const outputs = this.#interpret(feeds);
    const number = ++this.#begun;
    const read = async (output: number): Promise<Float32Array> => {
      if (number !== this.#begun) throw new LateReadError(this.#program.name, output);
      return outputs[output];
    };
    return { done: Promise.resolve(), read };
  }

  async run(feeds: readonly HostArray[]): Promise<Float32Array[]> {
    return readOutputs(this.begin(feeds), this.#program.outputs.length);
  }

  #interpret(feeds: readonly HostArray[]): Float32Array[] {
    checkFeeds(this.#program, feeds);
    const fed = new Map(
      this.#program.inputs.map((tensor, i) => [tensor.node, valuesOf(feeds[i], tensor.dtype)]),
    );
    const values = new Map<Node, Float64Array>();
    const lookUp = (node: Node): Float64Array => {
      const value = values.get(node);
      if (value === undefined) throw new Error(`${node.op.kind} was needed before it was computed`);
      return value;
    };
    const leaf = (node: Node) => fed.get(node) ?? this.#variable(node);
    for (const node of this.#order) values.set(node, evaluate(node, node.inputs.map(lookUp), leaf));
    const outputs = this.#program.outputs.map((tensor) => Float32Array.from(lookUp(tensor.node)));
    for (const { target, value } of this.#program.updates ?? []) {
      // Variables are stored as float32, as in files, so that a resumed run continues with the same bits.
      this.#state.set(target.node, Float64Array.from(lookUp(value.node), Math.fround));
    }
    return outputs;
  }

  async profile(feeds: readonly HostArray[]): Promise<KernelTiming[]> {
    await this.run(feeds);
    return [];
  }

  dispose(): void {}
}
