// Loop steps of a fused graph as loop specs: the buffers they read with their strides, and the expression over them.

import { type DType, isHalf, type Node } from "../graph.ts";
import { roleOf } from "../ops/roles.ts";
import { boundaries, domainOf, stridesOver } from "../passes/domain.ts";
import type { FusedGraph } from "../passes/fuse.ts";
import { type View, viewThrough } from "../passes/view.ts";
import { contiguousStrides, type Shape } from "../shape.ts";
import type { LoopArray, LoopInstruction, LoopReduction, LoopSpec, LoopStore } from "./loop_spec.ts";

const isPointwise = ({ op }: Node) => roleOf(op) === "pointwise";

/** Whether a node widens a 16-bit one to f32: reading the 16-bit buffer does the same. */
const widens = ({ op, inputs }: Node) => op.kind === "cast" && isHalf(inputs[0].dtype);

export interface LoweredLoop {
  readonly spec: LoopSpec;
  /** The stored node of each operand. */
  readonly operands: readonly Node[];
  /** The node of each store, then of each reduction. */
  readonly results: readonly Node[];
}

/** What a stored movement node copies. */
function copiedView(node: Node, graph: FusedGraph): View {
  const view = viewThrough(node, graph.view(node.inputs[0]));
  if (view === null) throw new Error(`${node.op.kind}: no strides describe what it copies`);
  return view;
}

export function lowerLoop(results: readonly Node[], graph: FusedGraph): LoweredLoop {
  return new LoopBuilder(results, graph).build();
}

/** A plain copy of `view` to `target`, which has the same shape and type. */
export function copySpec(view: View, target: Omit<LoopArray, "dtype">): LoopSpec {
  return {
    domain: view.shape,
    reduced: view.shape.map(() => false),
    operands: [{ strides: view.strides, offset: view.offset, dtype: view.base.dtype }],
    instructions: [{ op: "load", operand: 0 }],
    stores: [{ value: 0, ...target, dtype: view.base.dtype }],
    reductions: [],
  };
}

/** Writes zeros to `count` elements. */
export function zeroSpec(count: number, dtype: DType): LoopSpec {
  return {
    domain: [count],
    reduced: [false],
    operands: [],
    instructions: [{ op: "constant", value: 0 }],
    stores: [{ value: 0, strides: [1], offset: 0, dtype }],
    reductions: [],
  };
}

class LoopBuilder {
  readonly #results: readonly Node[];
  readonly #graph: FusedGraph;
  readonly #domain: number[];
  readonly #operands: LoopArray[] = [];
  readonly #operandNodes: Node[] = [];
  readonly #instructions: LoopInstruction[] = [];
  readonly #values = new Map<Node, number>();
  readonly #loads = new Map<string, number>();

  constructor(results: readonly Node[], graph: FusedGraph) {
    this.#results = results;
    this.#graph = graph;
    const cuts = new Set<number>();
    const seen = new Set<Node>();
    for (const node of results) this.#collectCuts(node, cuts, seen);
    this.#domain = domainOf(cuts);
  }

  build(): LoweredLoop {
    const stores: LoopStore[] = [];
    const reductions: LoopReduction[] = [];
    const stored: Node[] = [];
    const reduced: Node[] = [];
    for (const node of this.#results) {
      if (node.op.kind === "reduce") {
        const [source] = node.inputs;
        const axes = node.op.axes;
        const strides = contiguousStrides(node.shape).map((stride, axis) =>
          axes.includes(axis) ? 0 : stride,
        );
        const value = this.#read(source);
        reductions.push({
          fn: node.op.fn,
          value,
          strides: stridesOver(this.#domain, source.shape, strides),
          offset: 0,
          dtype: node.dtype,
        });
        reduced.push(node);
      } else {
        const value = isPointwise(node) ? this.#value(node) : this.#load(copiedView(node, this.#graph));
        stores.push({
          value,
          strides: this.#wholeStrides(node.shape),
          offset: 0,
          dtype: node.dtype,
        });
        stored.push(node);
      }
    }
    const spec: LoopSpec = {
      domain: this.#domain,
      reduced: this.#reducedAxes(),
      operands: this.#operands,
      instructions: this.#instructions,
      stores,
      reductions,
    };
    return { spec, operands: this.#operandNodes, results: [...stored, ...reduced] };
  }

  #collectCuts(node: Node, cuts: Set<number>, seen: Set<Node>): void {
    if (seen.has(node)) return;
    seen.add(node);
    const shape = node.op.kind === "reduce" ? node.inputs[0].shape : node.shape;
    for (const cut of boundaries(shape)) cuts.add(cut);
    if (!isPointwise(node) && node.op.kind !== "reduce") return;
    for (const source of node.inputs) {
      const { base } = this.#graph.view(source);
      if (this.#isInlined(base)) this.#collectCuts(base, cuts, seen);
    }
  }

  /** Values that this loop computes are used from registers, stored or not. */
  #isInlined(base: Node): boolean {
    return !this.#graph.isStored(base) || (isPointwise(base) && this.#results.includes(base));
  }

  #reducedAxes(): boolean[] {
    const node = this.#results.find((result) => result.op.kind === "reduce");
    if (node?.op.kind !== "reduce") return this.#domain.map(() => false);
    const { axes } = node.op;
    const flags = node.inputs[0].shape.map((_, axis) => (axes.includes(axis) ? 1 : 0));
    // Splitting an axis keeps its flag: a stride of 0 or 1 times any size stays zero or non-zero.
    return stridesOver(this.#domain, node.inputs[0].shape, flags).map((flag) => flag !== 0);
  }

  #wholeStrides(shape: Shape): number[] {
    return stridesOver(this.#domain, shape, contiguousStrides(shape));
  }

  /** The value of `source` at each point of the domain. */
  #read(source: Node): number {
    const view = this.#graph.view(source);
    return this.#isInlined(view.base) ? this.#value(view.base) : this.#load(view);
  }

  #value(node: Node): number {
    const known = this.#values.get(node);
    if (known !== undefined) return known;
    const index = widens(node) ? this.#read(node.inputs[0]) : this.#push(this.#instruction(node));
    this.#values.set(node, index);
    return index;
  }

  #instruction(node: Node): LoopInstruction {
    const { op } = node;
    const [a, b, c] = node.inputs;
    switch (op.kind) {
      case "full":
        return { op: "constant", value: op.value };
      case "unary":
        return { op: "unary", fn: op.fn, args: [this.#read(a)] };
      case "binary":
        return { op: "binary", fn: op.fn, args: [this.#read(a), this.#read(b)] };
      case "where":
        return { op: "where", args: [this.#read(a), this.#read(b), this.#read(c)] };
      case "cast": {
        const args = [this.#read(a)] as const;
        if (isHalf(op.dtype)) return { op: "round", to: op.dtype, args };
        return { op: op.dtype === "f32" ? "toFloat" : "toInt", args };
      }
      default:
        throw new Error(`${op.kind} is not pointwise`);
    }
  }

  #load(view: View): number {
    const strides = stridesOver(this.#domain, view.shape, view.strides);
    const key = `${view.base.id}|${strides}|${view.offset}`;
    const known = this.#loads.get(key);
    if (known !== undefined) return known;
    this.#operandNodes.push(view.base);
    this.#operands.push({ strides, offset: view.offset, dtype: view.base.dtype });
    const index = this.#push({ op: "load", operand: this.#operands.length - 1 });
    this.#loads.set(key, index);
    return index;
  }

  #push(instruction: LoopInstruction): number {
    this.#instructions.push(instruction);
    return this.#instructions.length - 1;
  }
}
