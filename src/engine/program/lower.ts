// Lowers a program to kernel calls: orders its nodes as they were created, fuses them, and gets each step's kernel
// from the backend.

import type { ProgramSpec } from "../backend.ts";
import { DTYPE_BYTES, type Node, topologicalOrder } from "../graph.ts";
import { describe } from "../ops/pointwise.ts";
import { roleOf } from "../ops/roles.ts";
import { type FusedGraph, fuse, type LoopStep, type PrimitiveStep, type Step } from "../passes/fuse.ts";
import { sourcesOf } from "../passes/tails.ts";
import type { View } from "../passes/view.ts";
import { contiguousStrides, numel } from "../shape.ts";
import { type KernelSet, type LoweredOp, type Slot, writesOf } from "./kernel_set.ts";
import type { LoopSpec } from "./loop_spec.ts";
import { copySpec, type LoweredLoop, lowerLoop, zeroSpec } from "./lower_loop.ts";
import { type PartPlaces, type PreparedStep, placeParts } from "./part_places.ts";
import type { BufferInfo, BufferRef, KernelCall, LoweredProgram, Place } from "./program.ts";
import { splitReduction } from "./split_reduction.ts";

/** Element size of temporary sums, which belong to no node. */
const FLOAT = 4;

const bytesOf = (node: Node): number => numel(node.shape) * DTYPE_BYTES[node.dtype];

/** @param kernels the backend's kernels */
export function lower<K>(program: ProgramSpec, kernels: KernelSet<K>): LoweredProgram<K> {
  return new Lowering(program, kernels).run();
}

class Lowering<K> {
  readonly #kernels: KernelSet<K>;
  readonly #program: ProgramSpec;
  readonly #batchInvariant: boolean;
  readonly #graph: FusedGraph;
  readonly #steps: readonly PreparedStep<K>[];
  readonly #places: PartPlaces;
  readonly #buffers: BufferInfo[] = [];
  readonly #calls: KernelCall<K>[] = [];
  readonly #ofNode = new Map<Node, number>();

  constructor(program: ProgramSpec, kernels: KernelSet<K>) {
    this.#kernels = kernels;
    this.#program = program;
    this.#batchInvariant = program.batchInvariant === true;
    const roots = [...program.outputs, ...(program.updates ?? []).map((update) => update.value)].map(
      (t) => t.node,
    );
    // Nodes run in order of creation: forward, then backward with each filter's gradient beside its image's, so
    // activations die as early as they can.
    const order = topologicalOrder(roots).sort((a, b) => a.id - b.id);
    this.#graph = fuse(
      order,
      roots.filter((node) => roleOf(node.op) !== "leaf"),
      kernels.capabilities,
    );
    const { steps, view } = this.#graph;
    const pinned = new Set(roots.map((node) => view(node).base));
    const prepared = steps.map((step) => this.#prepare(step));
    ({ steps: this.#steps, places: this.#places } = placeParts(prepared, view, pinned));
  }

  run(): LoweredProgram<K> {
    this.#placeUpdates();
    this.#placeOutputs();
    const early = this.#saveMovedVariables();
    for (const prepared of this.#steps) {
      if (prepared.kind === "loop") this.#loop(prepared.step, prepared.loop);
      else if (prepared.kind === "assemble") this.#assemble(prepared.step.node);
      else this.#primitive(prepared.step, prepared.lowered);
    }
    const outputs = this.#program.outputs.map(({ node }) => this.#output(node));
    for (const { target, value } of this.#program.updates ?? []) {
      this.#finishUpdate(target.node, value.node, early.get(value.node));
    }
    return { buffers: this.#buffers, calls: this.#calls, preludeCalls: 0, outputs };
  }

  // --- Buffers

  #newBuffer(bytes: number, place: Place, inParts = false): number {
    this.#buffers.push({ bytes, place, inParts });
    return this.#buffers.length - 1;
  }

  #bufferOf(node: Node): number {
    const known = this.#ofNode.get(node);
    if (known !== undefined) return known;
    const { kind } = node.op;
    const isFixed = kind === "input" || kind === "variable" || kind === "constant";
    const place: Place = isFixed ? { kind, node } : { kind: "arena" };
    const buffer = this.#newBuffer(bytesOf(node), place, kind === "concat");
    this.#ofNode.set(node, buffer);
    return buffer;
  }

  #ref(view: View): BufferRef {
    return { buffer: this.#bufferOf(view.base), offset: view.offset * DTYPE_BYTES[view.base.dtype] };
  }

  /** A node's whole buffer, or its place in a concatenation's buffer. */
  #whole(node: Node): BufferRef {
    const place = this.#places.get(node);
    return place === undefined
      ? { buffer: this.#bufferOf(node), offset: 0 }
      : { buffer: this.#bufferOf(place.whole), offset: place.start * DTYPE_BYTES[node.dtype] };
  }

  /** Outputs computed here get buffers that survive until the host has read them. */
  #placeOutputs(): void {
    for (const { node } of this.#program.outputs) {
      const { base } = this.#graph.view(node);
      if (roleOf(base.op) === "leaf" || this.#ofNode.has(base)) continue;
      this.#ofNode.set(base, this.#newBuffer(bytesOf(base), { kind: "output" }, base.op.kind === "concat"));
    }
  }

  /** The buffer from which the host reads an output; leaves and new values of variables are copied. */
  #output(node: Node): BufferRef {
    const view = this.#graph.view(node);
    const computed = this.#ofNode.get(view.base);
    if (computed !== undefined && this.#buffers[computed].place.kind === "output") return this.#ref(view);
    const buffer = this.#newBuffer(bytesOf(node), { kind: "output" });
    this.#copy(view, buffer, `output ${describe(node)}`);
    return { buffer, offset: 0 };
  }

  #copy(view: View, buffer: number, label: string): void {
    const spec = copySpec(view, { strides: contiguousStrides(view.shape), offset: 0 });
    this.#call(
      spec,
      [
        { buffer: this.#bufferOf(view.base), offset: 0 },
        { buffer, offset: 0 },
      ],
      label,
    );
  }

  /** `args`: operands, then the targets of stores and reductions. */
  #call(spec: LoopSpec, args: readonly BufferRef[], label: string): void {
    const writes = args.flatMap((_, i) => (i < spec.operands.length ? [] : [i]));
    this.#calls.push({ kernel: this.#kernels.loop(spec), args, writes, label });
  }

  // --- Updates of variables

  /**
   * A new value is written straight over its variable when nothing reads the old value later; within the loop that
   * computes it, each element is read before it is written.
   */
  #placeUpdates(): void {
    const lastRead = new Map<Node, number>();
    const writtenAt = new Map<Node, number>();
    for (const [i, step] of this.#graph.steps.entries()) {
      const nodes = step.kind === "loop" ? step.results : [step.node];
      for (const node of nodes) writtenAt.set(node, i);
      for (const node of this.#variablesRead(nodes)) lastRead.set(node, i);
    }
    const kept = new Set(this.#program.outputs.map(({ node }) => this.#graph.view(node).base));
    for (const { target, value } of this.#program.updates ?? []) {
      const at = writtenAt.get(value.node);
      const variable = target.node;
      const safe =
        at !== undefined &&
        !this.#ofNode.has(value.node) &&
        !this.#ofNode.has(variable) &&
        !kept.has(variable) &&
        (lastRead.get(variable) ?? -1) <= at &&
        this.#readsElementwise(at, value.node, variable);
      if (safe) this.#ofNode.set(value.node, this.#bufferOf(variable));
    }
  }

  /** Variables that the computation of `nodes` reads. */
  #variablesRead(nodes: readonly Node[]): Set<Node> {
    const found = new Set<Node>();
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      for (const source of node.inputs) {
        const { base } = this.#graph.view(source);
        if (base.op.kind === "variable") found.add(base);
        if (seen.has(base) || this.#graph.isStored(base)) continue;
        seen.add(base);
        visit(base);
      }
    };
    for (const node of nodes) visit(node);
    return found;
  }

  /** Whether step `at` is a storing loop that reads `variable` at most at the element of `value` that it writes. */
  #readsElementwise(at: number, value: Node, variable: Node): boolean {
    const prepared = this.#steps[at];
    if (prepared.kind !== "loop") return false;
    const { spec, operands, results } = prepared.loop;
    if (spec.reductions.length > 0) return false;
    if (!this.#kernels.capabilities.inPlace && operands.includes(variable)) return false;
    const store = spec.stores[results.indexOf(value)];
    return operands.every((node, i) => {
      const { strides, offset } = spec.operands[i];
      return (
        node !== variable || (offset === 0 && strides.every((stride, axis) => stride === store.strides[axis]))
      );
    });
  }

  /** Updates whose value is another variable (or a view of one) copy it before any variable changes. */
  #saveMovedVariables(): Map<Node, number> {
    const saved = new Map<Node, number>();
    for (const { value } of this.#program.updates ?? []) {
      const view = this.#graph.view(value.node);
      if (view.base.op.kind !== "variable" || saved.has(value.node)) continue;
      const buffer = this.#newBuffer(bytesOf(value.node), { kind: "arena" });
      this.#copy(view, buffer, `save ${describe(value.node)}`);
      saved.set(value.node, buffer);
    }
    return saved;
  }

  #finishUpdate(variable: Node, value: Node, saved: number | undefined): void {
    const target = this.#bufferOf(variable);
    const label = `update ${describe(variable)}`;
    const view = this.#graph.view(value);
    if (saved !== undefined) {
      const strides = contiguousStrides(value.shape);
      const spec = copySpec({ ...view, strides, offset: 0 }, { strides, offset: 0 });
      this.#call(
        spec,
        [
          { buffer: saved, offset: 0 },
          { buffer: target, offset: 0 },
        ],
        label,
      );
    } else if (this.#ofNode.get(view.base) !== target) {
      this.#copy(view, target, label);
    }
  }

  // --- Steps

  #prepare(step: Step): PreparedStep<K> {
    switch (step.kind) {
      case "loop":
        return { kind: step.kind, step, loop: lowerLoop(step.results, this.#graph) };
      case "primitive":
        return { kind: step.kind, step, lowered: this.#lowerPrimitive(step) };
      case "assemble":
        return { kind: step.kind, step };
    }
  }

  #loop(step: LoopStep, loop: LoweredLoop): void {
    const label = step.results.map(describe).join(" + ");
    const operands = loop.operands.map((node) => this.#whole(node));
    const targets = loop.results.map((node) => this.#whole(node));
    const split = splitReduction(loop.spec, this.#batchInvariant);
    if (split === null) {
      this.#call(loop.spec, [...operands, ...targets], label);
      return;
    }
    const partials = targets.map(() => ({
      buffer: this.#newBuffer(split.partials * FLOAT, { kind: "arena" }),
      offset: 0,
    }));
    this.#call(split.first, [...operands, ...partials], `${label}, parts`);
    for (const [i, spec] of split.second.entries())
      this.#call(spec, [partials[i], targets[i]], `${label}, join`);
  }

  #assemble(node: Node): void {
    const { op } = node;
    const target = this.#whole(node);
    const strides = contiguousStrides(node.shape);
    const copyInto = (source: Node, begin: readonly number[]) => {
      const view = this.#graph.view(source);
      const offset = begin.reduce((total, index, axis) => total + index * strides[axis], 0);
      const spec = copySpec(view, { strides, offset });
      this.#call(spec, [this.#whole(view.base), target], describe(node));
    };
    if (op.kind === "pad") {
      this.#call(zeroSpec(numel(node.shape), node.dtype), [target], describe(node));
      copyInto(node.inputs[0], op.before);
    } else if (op.kind === "concat") {
      let start = 0;
      for (const part of node.inputs) {
        const begin = node.shape.map((_, axis) => (axis === op.axis ? start : 0));
        if (this.#places.get(this.#graph.view(part).base)?.whole !== node) copyInto(part, begin);
        start += part.shape[op.axis];
      }
    }
  }

  #primitive({ node, ...tail }: PrimitiveStep, lowered: LoweredOp<K>): void {
    const { product } = tail;
    const inputs = sourcesOf(tail).map((source) => this.#ref(this.#graph.view(source)));
    const temps = lowered.temps.map((elements) => this.#newBuffer(elements * FLOAT, { kind: "arena" }));
    const resolve = (slot: Slot): BufferRef => {
      if ("input" in slot) return inputs[slot.input];
      return "temp" in slot ? { buffer: temps[slot.temp], offset: 0 } : this.#whole(node);
    };
    const writes = writesOf(lowered);
    for (const [i, { kernel, args }] of lowered.steps.entries()) {
      this.#calls.push({ kernel, args: args.map(resolve), writes: writes[i], label: describe(product) });
    }
  }

  /** Whether a tensor is a variable that the program does not update, or a view or the widened form of one. */
  #isConstant(node: Node): boolean {
    const { base } = this.#graph.view(node);
    if (base.op.kind === "cast") return this.#isConstant(base.inputs[0]);
    const isUpdated = this.#program.updates?.some(({ target }) => target.node === base) ?? false;
    return base.op.kind === "variable" && !isUpdated;
  }

  #lowerPrimitive({ node, ...tail }: PrimitiveStep): LoweredOp<K> {
    return this.#kernels.primitive({
      ...tail,
      result: node.dtype,
      view: this.#graph.view,
      isConstant: (node) => this.#isConstant(node),
      batchInvariant: this.#batchInvariant,
    });
  }
}
