// Kernels for loop nests: pointwise results and reductions, vectorised along the innermost axis.

import { DTYPE_BYTES, type ReduceFn } from "../../../../graph.ts";
import {
  collapse,
  type LoopArray,
  type LoopReduction,
  type LoopSpec,
} from "../../../../program/loop_spec.ts";
import type { KernelBuilder, VectorCount } from "../../simd/builder.ts";
import { type Expr, LANES, type Var } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { vectorCounts } from "../lanes.ts";
import { LoopBody, type Nest, type Position, storeElements } from "./loop_body.ts";
import { reductionStages, SINGLE_LANE, type Stage, storeStages, vectorPositions } from "./loop_stages.ts";

/** Elements of the domain per tile: enough to hide its start-up, few enough to share out. */
const TILE_ELEMENTS = 8192;
/** Registers that a column reduction keeps its results in. */
const COLUMN_REGISTERS = 8;
const EXPENSIVE = new Set(["exp", "log", "sin", "cos", "tanh", "erf", "sigmoid"]);

/** The kernel of a loop nest. Buffers: operands, then stores, then reductions, in the spec's order. */
/** @param width how many vectors a register holds; results do not depend on it */
export function loopKernel(given: LoopSpec, width: VectorCount = 1): Kernel {
  const spec = collapse(given);
  const last = spec.domain.length - 1;
  const kept = spec.domain.flatMap((_, axis) => (spec.reduced[axis] ? [] : [axis]));
  const reduced = spec.domain.flatMap((_, axis) => (spec.reduced[axis] ? [axis] : []));
  const isColumn = reduced.length > 0 && !spec.reduced[last];
  const unit = unitStride(spec, last);
  const nest: Nest = isColumn
    ? { axes: [...kept, ...reduced], vectorLevel: kept.length - 1 }
    : { axes: [...kept, ...reduced], vectorLevel: spec.domain.length - 1 };
  const block = isColumn ? columnBlock(spec, spec.domain[last], unit, width) : 1;
  const counts = kept.map((axis) =>
    isColumn && axis === last ? Math.ceil(spec.domain[axis] / block) : spec.domain[axis],
  );
  const inner = reduced.reduce((product, axis) => product * spec.domain[axis], 1) * block;
  const tiling = chooseTiling(counts, inner);
  const elements = spec.domain.reduce((product, size) => product * size, 1);
  const arrays: LoopArray[] = [...spec.operands, ...spec.stores, ...spec.reductions];
  return {
    family: reduced.length > 0 ? "reduce" : "pointwise",
    key: `loop ${JSON.stringify(spec)}`,
    tiles: tiling.tiles,
    scratchBytes: 0,
    flops: elements * (spec.instructions.filter((i) => i.op !== "load").length + spec.reductions.length),
    bytes: arrays.reduce((total, array) => total + DTYPE_BYTES[array.dtype] * touched(spec.domain, array), 0),
    emit: (k) => new LoopEmitter(k, spec, nest, { isColumn, unit, block, counts, tiling }).emit(),
  };
}

/** The number of distinct elements that an array's strides reach. */
function touched(domain: readonly number[], array: LoopArray): number {
  return domain.reduce((product, size, axis) => (array.strides[axis] === 0 ? product : product * size), 1);
}

/** Whether every array has stride 0 or 1 along the axis, so that whole vectors can be loaded and stored. */
function unitStride(spec: LoopSpec, axis: number): boolean {
  const walks = (array: LoopArray) => array.strides[axis] === 0 || array.strides[axis] === 1;
  return (
    spec.operands.every(walks) &&
    spec.stores.every((store) => store.strides[axis] === 1) &&
    spec.reductions.every(walks)
  );
}

function columnBlock(spec: LoopSpec, size: number, unit: boolean, width: VectorCount): number {
  // A block of pairs would be of more registers than WebAssembly's compilers keep.
  const vectorsOf = width === 4 ? 4 : 1;
  const registers = Math.max(1, Math.floor(COLUMN_REGISTERS / spec.reductions.length));
  return unit ? Math.min(LANES * vectorsOf * registers, size) : Math.min(LANES, size);
}

interface Tiling {
  /** The first `outer` kept loops are spread over tiles; the next one is cut into `chunks` of `chunk`. */
  readonly outer: number;
  readonly chunk: number;
  readonly chunks: number;
  readonly tiles: number;
}

/** Cuts the kept loops so that a tile covers about TILE_ELEMENTS; depends on shapes only. */
function chooseTiling(counts: readonly number[], inner: number): Tiling {
  let suffix = inner;
  let level = counts.length - 1;
  while (level > 0 && suffix * counts[level] <= TILE_ELEMENTS) {
    suffix *= counts[level];
    level--;
  }
  if (level < 0) return { outer: 0, chunk: 1, chunks: 1, tiles: 1 };
  const wanted = Math.max(1, Math.floor(TILE_ELEMENTS / suffix));
  // Chunks of the innermost pointwise loop are whole vectors.
  const chunk = Math.min(counts[level], wanted >= 16 ? wanted - (wanted % 16) : wanted);
  const chunks = Math.ceil(counts[level] / chunk);
  const outer = counts.slice(0, level).reduce((product, size) => product * size, 1);
  return { outer: level, chunk, chunks, tiles: outer * chunks };
}

interface LoopPlan {
  readonly isColumn: boolean;
  readonly unit: boolean;
  readonly block: number;
  readonly counts: readonly number[];
  readonly tiling: Tiling;
}

interface Accumulator {
  readonly position: Position;
  readonly variables: readonly Var[];
}

class LoopEmitter {
  readonly #k: KernelBuilder;
  readonly #spec: LoopSpec;
  readonly #nest: Nest;
  readonly #plan: LoopPlan;
  readonly #body: LoopBody;
  readonly #arrays: readonly LoopArray[];

  constructor(k: KernelBuilder, spec: LoopSpec, nest: Nest, plan: LoopPlan) {
    this.#k = k;
    this.#spec = spec;
    this.#nest = nest;
    this.#plan = plan;
    this.#body = new LoopBody(spec, nest);
    this.#arrays = [...spec.operands, ...spec.stores, ...spec.reductions];
  }

  emit(): void {
    const pointers = this.#arrays.map((array, i) =>
      s.iadd(this.#k.buffer(i), s.i32(DTYPE_BYTES[array.dtype] * array.offset)),
    );
    this.#body.emit(this.#k, 0, pointers, []);
    this.#tiles(pointers);
  }

  /** Turns the tile number into the indices of the outer loops, then walks the inner ones. */
  #tiles(start: readonly Expr[]): void {
    const k = this.#k;
    const { tiling, counts } = this.#plan;
    if (counts.length === 0) {
      this.#kept(0, start, 0, 0);
      return;
    }
    let rest: Expr = k.tile;
    let chunkIndex: Expr = s.i32(0);
    if (tiling.chunks > 1) {
      chunkIndex = tiling.outer > 0 ? k.let(s.iremU(rest, s.i32(tiling.chunks))) : rest;
      rest = k.let(s.idivU(rest, s.i32(tiling.chunks)));
    }
    const indices = new Array<Expr>(tiling.outer);
    for (let level = tiling.outer - 1; level >= 0; level--) {
      indices[level] = level === 0 ? rest : k.let(s.iremU(rest, s.i32(counts[level])));
      if (level > 0) rest = k.let(s.idivU(rest, s.i32(counts[level])));
    }
    let pointers = start;
    for (let level = 0; level < tiling.outer; level++) {
      pointers = this.#advance(pointers, level, indices[level]);
      this.#body.emit(k, level + 1, pointers, []);
    }
    const begin = k.let(s.imul(chunkIndex, s.i32(tiling.chunk)));
    const size = counts[tiling.outer];
    const end =
      tiling.chunks === 1 ? s.i32(size) : k.let(s.imin(s.iadd(begin, s.i32(tiling.chunk)), s.i32(size)));
    this.#kept(tiling.outer, pointers, tiling.chunks === 1 ? 0 : begin, tiling.chunks === 1 ? size : end);
  }

  /** Pointers after `index` steps of the loop at `level` (blocks, for the blocked axis of a column reduction). */
  #advance(pointers: readonly Expr[], level: number, index: Expr): Expr[] {
    const axis = this.#nest.axes[level];
    const unit = this.#plan.isColumn && level === this.#nest.vectorLevel ? this.#plan.block : 1;
    return pointers.map((pointer, i) => {
      const array = this.#arrays[i];
      const stride = DTYPE_BYTES[array.dtype] * unit * array.strides[axis];
      return stride === 0 ? pointer : this.#k.let(s.iadd(pointer, s.imul(index, s.i32(stride))));
    });
  }

  /** The kept loops from `level` on; the first runs from `begin` to `end`, the others over their whole length. */
  #kept(level: number, pointers: readonly Expr[], begin: Expr | number, end: Expr | number): void {
    const k = this.#k;
    const { counts, isColumn } = this.#plan;
    const vector = this.#nest.vectorLevel;
    if (level === counts.length) {
      this.#reduceRows(pointers);
    } else if (level === vector && !isColumn) {
      this.#storeRow(pointers, begin, end);
    } else {
      k.for(begin, end, 1, (i) => {
        const inner = this.#advance(pointers, level, i);
        if (level === vector) {
          this.#reduceColumns(inner, i);
        } else {
          this.#body.emit(k, level + 1, inner, []);
          this.#kept(level + 1, inner, 0, counts[level + 1] ?? 0);
        }
      });
    }
  }

  // --- Stored values

  #storeRow(pointers: readonly Expr[], begin: Expr | number, end: Expr | number): void {
    const spec = this.#spec;
    const expensive = spec.instructions.filter((i) => i.op === "unary" && EXPENSIVE.has(i.fn)).length;
    const isLong = expensive > 0 || spec.instructions.length > 16;
    this.#walkVectors(
      pointers,
      begin,
      end,
      storeStages(isLong, vectorCounts(this.#k)),
      (inner, positions) => {
        this.#body.emit(this.#k, this.#nest.vectorLevel + 1, inner, positions);
        for (const position of positions) {
          for (const [i, store] of spec.stores.entries()) {
            const pointer = inner[spec.operands.length + i];
            const stride = store.strides[this.#nest.axes[this.#nest.vectorLevel]];
            const value = this.#body.value(store.value, position);
            const offset = DTYPE_BYTES[store.dtype] * position.index * stride;
            storeElements(this.#k, store, pointer, value, offset, position.lanes);
          }
        }
      },
    );
  }

  /** Walks the vector axis from `begin` to `end` in stages of decreasing width, each as far as it fits. */
  #walkVectors(
    pointers: readonly Expr[],
    begin: Expr | number,
    end: Expr | number,
    stages: readonly Stage[],
    body: (pointers: readonly Expr[], positions: readonly Position[]) => void,
  ): void {
    const k = this.#k;
    const level = this.#nest.vectorLevel;
    const step = ({ width, positions, vectors }: Stage, from: Expr | number, to: Expr | number): void => {
      k.for(from, to, width, (i) => {
        const inner = this.#advance(pointers, level, i);
        k.vectors(vectors, () => body(inner, positions));
      });
    };
    if (!this.#plan.unit) {
      step(SINGLE_LANE, begin, end);
      return;
    }
    if (typeof begin === "number" && typeof end === "number") {
      let from = begin;
      for (const stage of stages) {
        const to = from + Math.floor((end - from) / stage.width) * stage.width;
        step(stage, from, to);
        from = to;
      }
      return;
    }
    // A chunk starts at a multiple of its size and ends at another or at the end of the axis.
    const { tiling, counts } = this.#plan;
    const lengths = [tiling.chunk, counts[tiling.outer] % tiling.chunk];
    const last = typeof end === "number" ? s.i32(end) : end;
    let from = typeof begin === "number" ? s.i32(begin) : begin;
    for (const stage of stages) {
      const { width } = stage;
      if (lengths.every((length) => length < width)) continue;
      const isLast = lengths.every((length) => length % width === 0);
      const length = k.let(s.isub(last, from));
      const to = isLast ? last : k.let(s.iadd(from, s.isub(length, s.iremU(length, s.i32(width)))));
      step(stage, from, to);
      for (const i of lengths.keys()) lengths[i] %= width;
      from = to;
      if (isLast) return;
    }
  }

  // --- Reductions

  #identity(fn: ReduceFn): Expr {
    return s.vconst(fn === "sum" ? 0 : Number.NEGATIVE_INFINITY);
  }

  #combine(fn: ReduceFn, a: Expr, b: Expr): Expr {
    return fn === "sum" ? s.vadd(a, b) : s.vmax(a, b);
  }

  /** One accumulator per reduction and position. */
  #accumulators(positions: readonly Position[]): Accumulator[] {
    return positions.map((position) => ({
      position,
      variables: this.#spec.reductions.map(({ fn }) => this.#k.let(this.#identity(fn))),
    }));
  }

  #accumulate({ position, variables }: Accumulator): void {
    for (const [i, { fn, value }] of this.#spec.reductions.entries()) {
      this.#k.set(variables[i], this.#combine(fn, variables[i], this.#body.value(value, position)));
    }
  }

  /** Address of the i-th reduction's result. */
  #result(pointers: readonly Expr[], i: number): Expr {
    return pointers[this.#spec.operands.length + this.#spec.stores.length + i];
  }

  /** Vectors across the kept innermost axis; each lane is its own sum. */
  #reduceColumns(pointers: readonly Expr[], blockIndex: Expr): void {
    const size = this.#spec.domain[this.#nest.axes[this.#nest.vectorLevel]];
    const { block } = this.#plan;
    const rest = size % block;
    // Where blocks fit evenly the condition is a constant and only one branch is emitted.
    const isWhole = rest === 0 ? s.i32(1) : s.ilt(blockIndex, s.i32(Math.floor(size / block)));
    this.#k.if(
      isWhole,
      () => this.#columnBlock(pointers, block),
      () => this.#columnBlock(pointers, rest),
    );
  }

  /** A run of columns: in as wide registers as fit, then what is left. */
  #columnBlock(pointers: readonly Expr[], width: number): void {
    const k = this.#k;
    let done = 0;
    if (this.#plan.unit)
      for (const vectors of vectorCounts(k).filter((count) => count > 1)) {
        const lanes = vectors * LANES;
        const count = Math.floor((width - done) / lanes);
        const first = done;
        if (count > 0)
          k.vectors(vectors, () => this.#columns(pointers, vectorPositions(first, count, lanes)));
        done += count * lanes;
      }
    const vectors = this.#plan.unit ? Math.floor((width - done) / LANES) : 0;
    const rest = vectorPositions(done, vectors, LANES);
    for (let index = done + vectors * LANES; index < width; index++) rest.push({ index, lanes: 1 });
    if (rest.length > 0) this.#columns(pointers, rest);
  }

  #columns(pointers: readonly Expr[], positions: readonly Position[]): void {
    const level = this.#nest.vectorLevel;
    this.#body.emit(this.#k, level + 1, pointers, positions);
    const accumulators = this.#accumulators(positions);
    this.#reducedLoops(level + 1, pointers, positions, () => {
      for (const accumulator of accumulators) this.#accumulate(accumulator);
    });
    const axis = this.#nest.axes[level];
    for (const { position, variables } of accumulators) {
      for (const [i, reduction] of this.#spec.reductions.entries()) {
        const offset = DTYPE_BYTES[reduction.dtype] * position.index * reduction.strides[axis];
        storeElements(this.#k, reduction, this.#result(pointers, i), variables[i], offset, position.lanes);
      }
    }
  }

  #reducedLoops(
    level: number,
    pointers: readonly Expr[],
    positions: readonly Position[],
    innermost: () => void,
  ): void {
    if (level === this.#nest.axes.length) {
      innermost();
      return;
    }
    this.#k.loop(this.#spec.domain[this.#nest.axes[level]], (i) => {
      const inner = this.#advance(pointers, level, i);
      this.#body.emit(this.#k, level + 1, inner, positions);
      this.#reducedLoops(level + 1, inner, positions, innermost);
    });
  }

  /** Vectors along the reduced innermost axis; lanes and accumulators are combined in a fixed order at the end. */
  #reduceRows(pointers: readonly Expr[]): void {
    const k = this.#k;
    const stages = reductionStages();
    const accumulators = this.#accumulators(stages[0].positions);
    const [tail] = this.#accumulators([{ index: 0, lanes: 1 }]);
    const level = this.#nest.vectorLevel;
    const walk = (at: number, outer: readonly Expr[]): void => {
      if (at < level) {
        k.loop(this.#spec.domain[this.#nest.axes[at]], (i) => {
          const inner = this.#advance(outer, at, i);
          this.#body.emit(k, at + 1, inner, []);
          walk(at + 1, inner);
        });
        return;
      }
      this.#walkVectors(outer, 0, this.#spec.domain[this.#nest.axes[level]], stages, (inner, positions) => {
        this.#body.emit(k, level + 1, inner, positions);
        for (const [u, position] of positions.entries()) {
          const { variables } = position.lanes === 1 ? tail : accumulators[u];
          this.#accumulate({ position, variables });
        }
      });
    };
    walk(this.#plan.counts.length, pointers);
    for (const [i, reduction] of this.#spec.reductions.entries()) {
      const variables = accumulators.map((accumulator) => accumulator.variables[i]);
      k.storeF32(this.#result(pointers, i), this.#joinLanes(reduction, variables, tail.variables[i]));
    }
  }

  #joinLanes({ fn }: LoopReduction, vectors: readonly Var[], tail: Var): Expr {
    const join = (a: Expr, b: Expr) => (fn === "sum" ? s.fadd(a, b) : s.fmax(a, b));
    const [a, b, c, d] = vectors;
    const total = this.#k.let(this.#combine(fn, this.#combine(fn, a, b), this.#combine(fn, c, d)));
    const lane = (i: number) => s.extractLane(total, i);
    return join(join(join(lane(0), lane(1)), join(lane(2), lane(3))), s.extractLane(tail, 0));
  }
}
