// Parts of a concatenation that are computed in place: the loop that computes such a part stores it in the whole, and
// other loops read it there, so nothing is copied or kept twice.

import type { Node } from "../graph.ts";
import type { AssembleStep, LoopStep, PrimitiveStep } from "../passes/fuse.ts";
import { sourcesOf } from "../passes/tails.ts";
import { isIdentity, type View } from "../passes/view.ts";
import { numel, sameShape } from "../shape.ts";
import type { LoweredOp } from "./kernel_set.ts";
import { collapse, type LoopArray } from "./loop_spec.ts";
import type { LoweredLoop } from "./lower_loop.ts";

/** Loops over shorter runs lose more time than a copy costs. */
const SHORTEST_RUN = 16;

/** The place of a part in its whole: contiguous runs of elements. All counts are in elements. */
export interface PartPlace {
  readonly whole: Node;
  /** Offset of the part's first element in the whole. */
  readonly start: number;
  /** Length of a run, and distance between the starts of runs. */
  readonly run: number;
  readonly pitch: number;
}

export type PartPlaces = ReadonlyMap<Node, PartPlace>;

/** A step with its lowered form. */
export type PreparedStep<K> =
  | { readonly kind: "loop"; readonly step: LoopStep; readonly loop: LoweredLoop }
  | { readonly kind: "primitive"; readonly step: PrimitiveStep; readonly lowered: LoweredOp<K> }
  | { readonly kind: "assemble"; readonly step: AssembleStep };

export interface PlacedSteps<K> {
  readonly places: PartPlaces;
  /** The given steps, with loops that walk placed parts in their wholes. */
  readonly steps: readonly PreparedStep<K>[];
}

/**
 * `array`, which walks `domain` in a part's own buffer, as a walk in the whole, relative to the part's start; null
 * where no strides express it.
 */
function inWhole<T extends LoopArray>(
  array: T,
  domain: readonly number[],
  { run, pitch }: PartPlace,
): T | null {
  const start = array.offset % run;
  let reach = start;
  const strides = array.strides.map((stride, axis) => {
    if (stride % run === 0) return (stride / run) * pitch;
    reach += stride * (domain[axis] - 1);
    return stride;
  });
  if (reach >= run) return null;
  return { ...array, strides, offset: ((array.offset - start) / run) * pitch + start };
}

/**
 * The loop with placed operands and results walked in their wholes; null where no strides express it, or where a
 * reduction would add in another order.
 */
function placeLoop(loop: LoweredLoop, places: PartPlaces): LoweredLoop | null {
  const { spec, operands, results } = loop;
  const move = <T extends LoopArray>(arrays: readonly T[], nodes: readonly Node[]): T[] =>
    arrays.flatMap((array, i) => {
      const place = places.get(nodes[i]);
      return (place === undefined ? array : inWhole(array, spec.domain, place)) ?? [];
    });
  const moved = {
    operands: move(spec.operands, operands),
    stores: move(spec.stores, results),
    reductions: move(spec.reductions, results.slice(spec.stores.length)),
  };
  const fits =
    moved.operands.length === operands.length &&
    moved.stores.length + moved.reductions.length === results.length;
  const placed = { ...spec, ...moved };
  const sameOrder = spec.reductions.length === 0 || sameShape(collapse(placed).domain, collapse(spec).domain);
  return fits && sameOrder ? { ...loop, spec: placed } : null;
}

/**
 * Decides which parts of concatenations are computed in place: results of loops, otherwise used by loops only, where
 * this does not raise the peak of live memory.
 * @param pinned nodes whose buffers are given
 */
export function placeParts<K>(
  steps: readonly PreparedStep<K>[],
  view: (node: Node) => View,
  pinned: ReadonlySet<Node>,
): PlacedSteps<K> {
  return new Placing(steps, view, pinned).run();
}

class Placing<K> {
  readonly #steps: readonly PreparedStep<K>[];
  readonly #view: (node: Node) => View;
  readonly #pinned: ReadonlySet<Node>;
  readonly #places = new Map<Node, PartPlace>();
  readonly #placed: PreparedStep<K>[];
  /** The loops that compute or read a node, and how often other steps read it. */
  readonly #loopsOf = new Map<Node, Set<number>>();
  readonly #otherReads = new Map<Node, number>();
  readonly #madeByLoop = new Set<Node>();
  readonly #lives = new Map<Node, { first: number; last: number }>();
  /** Elements live at each step, including the step's temporaries. */
  readonly #alive: number[];

  constructor(steps: readonly PreparedStep<K>[], view: (node: Node) => View, pinned: ReadonlySet<Node>) {
    this.#steps = steps;
    this.#view = view;
    this.#pinned = pinned;
    this.#placed = [...steps];
    this.#alive = steps.map((prepared) =>
      prepared.kind === "primitive" ? prepared.lowered.temps.reduce((sum, size) => sum + size, 0) : 0,
    );
    for (const [at, prepared] of steps.entries()) this.#survey(prepared, at);
    for (const [node, { first, last }] of this.#lives) this.#addAlive(first, last, numel(node.shape));
  }

  run(): PlacedSteps<K> {
    for (const { kind, step } of this.#steps) {
      if (kind === "assemble" && step.node.op.kind === "concat")
        this.#placePartsOf(step.node, step.node.op.axis);
    }
    return { places: this.#places, steps: this.#placed };
  }

  #survey(prepared: PreparedStep<K>, at: number): void {
    if (prepared.kind === "loop") {
      const { operands, results } = prepared.loop;
      for (const node of results) {
        this.#madeByLoop.add(node);
        this.#lives.set(node, { first: at, last: at });
      }
      for (const node of [...operands, ...results]) {
        const loops = this.#loopsOf.get(node) ?? new Set<number>();
        this.#loopsOf.set(node, loops.add(at));
        this.#keepAlive(node, at);
      }
      return;
    }
    const { step } = prepared;
    this.#lives.set(step.node, { first: at, last: at });
    for (const source of step.kind === "primitive" ? sourcesOf(step) : step.node.inputs) {
      const { base } = this.#view(source);
      this.#otherReads.set(base, (this.#otherReads.get(base) ?? 0) + 1);
      this.#keepAlive(base, at);
    }
  }

  /** Extends the lifetime of a node; leaves have none. */
  #keepAlive(node: Node, at: number): void {
    const life = this.#lives.get(node);
    if (life !== undefined) life.last = at;
  }

  #placePartsOf(whole: Node, axis: number): void {
    const inner = numel(whole.shape.slice(axis + 1));
    const pitch = whole.shape[axis] * inner;
    let start = 0;
    for (const part of whole.inputs) {
      const run = part.shape[axis] * inner;
      const view = this.#view(part);
      if (isIdentity(view)) this.#tryPlace(view.base, { whole, start, run, pitch });
      start += run;
    }
  }

  #tryPlace(part: Node, place: PartPlace): void {
    const onlyWhole = this.#otherReads.get(part) === 1;
    if (place.run < SHORTEST_RUN && place.run < numel(part.shape)) return;
    if (!onlyWhole || !this.#madeByLoop.has(part) || this.#pinned.has(part)) return;
    this.#places.set(part, place);
    const moved = [...(this.#loopsOf.get(part) ?? [])].map((at) => ({ at, loop: this.#moved(at) }));
    if (moved.some(({ loop }) => loop === null) || !this.#joinLives(part, place.whole)) {
      this.#places.delete(part);
      return;
    }
    for (const { at, loop } of moved) if (loop !== null) this.#placed[at] = loop;
  }

  /** A loop with all placed arrays in their wholes; null where no strides express it. */
  #moved(at: number): PreparedStep<K> | null {
    const prepared = this.#steps[at];
    const loop = prepared.kind === "loop" ? placeLoop(prepared.loop, this.#places) : null;
    return prepared.kind === "loop" && loop !== null ? { ...prepared, loop } : null;
  }

  /** Merges the lifetimes of a part and its whole, unless that raises the peak. */
  #joinLives(part: Node, whole: Node): boolean {
    const own = this.#lives.get(part);
    const old = this.#lives.get(whole);
    if (own === undefined || old === undefined) return false;
    const joined = { first: Math.min(own.first, old.first), last: Math.max(own.last, old.last) };
    const count = numel(whole.shape);
    const peak = this.#peak();
    const join = (sign: number): void => {
      this.#addAlive(own.first, own.last, -sign * numel(part.shape));
      this.#addAlive(old.first, old.last, -sign * count);
      this.#addAlive(joined.first, joined.last, sign * count);
    };
    join(1);
    if (this.#peak() > peak) {
      join(-1);
      return false;
    }
    this.#lives.set(whole, joined);
    return true;
  }

  #peak(): number {
    return this.#alive.reduce((most, elements) => Math.max(most, elements), 0);
  }

  #addAlive(first: number, last: number, elements: number): void {
    for (let at = first; at <= last; at++) this.#alive[at] += elements;
  }
}
