// The inner loop of every matrix product: a block of rows times panels of columns, kept in registers while k runs.
//
// C[m, n] (+)= A[m, k] B[k, n], where A's rows and k steps have constant strides and B comes in panels of NR columns:
// one row of NR floats for each k. A register tile is MR rows by two registers of columns: 12 accumulators, two
// registers of B and one element of A use 15 of the 16 vector registers of x86-64. Where pairs of vectors share a
// register, the two registers hold a whole panel, elsewhere half of one. The 32 registers of arm64 hold one vector each,
// and a whole panel: 24 accumulators, four of B and one of A. Sums are the same either way.

import type { KernelBuilder, VectorCount } from "../../simd/builder.ts";
import type { Expr, Var } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { FLOAT, loadLanes, storeLanes } from "../lanes.ts";
import type { UnitCounts } from "../tiling.ts";

/** Rows of a register tile, where there are at least two vectors of columns. */
export const MR = 6;
/** Columns of a panel. */
export const NR = 4 * LANES;
/** Columns of a register tile where registers hold fewer vectors than `MANY`. */
const NARROW = 2 * LANES;
/** Vectors in all registers that suffice for a tile of a whole panel: 24 sums, 4 of B, and A. */
export const MANY = 32;
/** Most k steps between two visits to C: a panel of B and MR rows of A fit the first-level cache. */
export const K_BLOCK = 512;

export interface BlockProduct {
  /** `a`: byte address of A's block; then byte strides between rows, between k steps, and between groups of rows. */
  readonly a: Expr;
  readonly aRow: number;
  readonly aK: number;
  readonly aGroup: number | Expr;
  /** `b`: byte address of the first panel of B; then byte strides between k steps and between panels. */
  readonly b: Expr;
  readonly bK: number;
  readonly bPanel: number | Expr;
  /** Number of k steps, a multiple of `unroll`. */
  readonly count: number | Expr;
  readonly unroll: number;
  /** Byte address of C's block, and the byte stride between rows; columns are adjacent. */
  readonly c: Expr;
  readonly cRow: number;
  /** Rows of a group (see `groupRows`), and the rows in groups. */
  readonly mr: number;
  readonly rows: UnitCounts;
  /** The columns in panels. */
  readonly columns: UnitCounts;
  /** 1: C starts from `bias` or zero. 0: the product is added to C. */
  readonly fresh: Expr;
  /** Byte address of the bias of the first column. */
  readonly bias?: Expr | undefined;
  /** Added after the last k step, where `last` is 1: byte address of a block with C's layout. */
  readonly residual?: { readonly at: Expr; readonly last: Expr } | undefined;
}

/** Rows of a register tile for a product with n columns in total. */
export const groupRows = (n: number): number => (n <= LANES ? 2 * MR : MR);
/** The largest unrolling, up to 4, that divides every count. */
export const unrollOf = (...counts: number[]): number =>
  [4, 3, 2].find((u) => counts.every((count) => count % u === 0)) ?? 1;

/** Vectors of a register tile that are adjacent in a panel and in C, computed as one; or the last lanes of a row. */
interface Unit {
  readonly panel: number;
  /** Bytes from the tile's first column in its panel. */
  readonly offset: number;
  readonly vectors: VectorCount;
  readonly lanes: number;
}

/** The units of `columns` columns of one panel: registers as wide as they come. */
function unitsOf(columns: number, width: VectorCount, panel = 0): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < columns; ) {
    const whole = Math.floor((columns - at) / LANES);
    const vectors = ([4, 2, 1] as const).find((count) => count <= width && count <= whole) ?? 1;
    const lanes = Math.min(LANES, columns - at);
    units.push({ panel, offset: at * FLOAT, vectors, lanes });
    at += lanes * vectors;
  }
  return units;
}

/** Records the product of a block. */
export function blockProduct(k: KernelBuilder, p: BlockProduct): void {
  const asExpr = (e: number | Expr): Expr => (typeof e === "number" ? s.i32(e) : e);
  const panelBytes = asExpr(p.bPanel);
  const groupBytes = asExpr(p.aGroup);
  const tileColumns = k.capacity >= MANY ? NR : p.mr > MR ? LANES : NARROW;
  // With registers that hold a panel, a tile is of two panels and two groups of rows: 24 of 32 registers.
  const atOnce = k.width === 4 && p.mr <= MR ? 2 : 1;
  const column = (panel: Expr, columns: number): void => {
    for (let first = 0; first < columns; first += tileColumns)
      strip(panel, first, unitsOf(Math.min(tileColumns, columns - first), k.width));
  };
  const strip = (panel: Expr, first: number, units: readonly Unit[]): void => {
    const b = k.let(s.iadd(p.b, s.imul(panel, panelBytes), s.i32(first * FLOAT)));
    const c = k.let(s.iadd(p.c, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const bias = p.bias && k.let(s.iadd(p.bias, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const residual =
      p.residual && k.let(s.iadd(p.residual.at, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const panels = units.some(({ panel }) => panel > 0) ? [b, k.let(s.iadd(b, panelBytes))] : [b];
    const tile = (group: Expr, rows: number, groups = 1): void => {
      const rowBytes = s.imul(group, s.i32(p.mr * p.cRow));
      const a = k.let(s.iadd(p.a, s.imul(group, groupBytes)));
      registerTile(k, p, rows, units, {
        a: groups === 1 ? [a] : [a, k.let(s.iadd(a, groupBytes))],
        b: panels,
        c: s.iadd(c, rowBytes),
        bias,
        residual: residual && s.iadd(residual, rowBytes),
      });
    };
    inSteps(k, p.rows.full, atOnce, (group, groups) => tile(group, p.mr, groups));
    if (p.rows.tail > 0) k.if(p.rows.hasTail, () => tile(asExpr(p.rows.full), p.rows.tail));
  };
  inSteps(k, p.columns.full, atOnce, (panel, panels) => {
    if (panels === 1) column(panel, NR);
    else strip(panel, 0, [...unitsOf(NR, k.width), ...unitsOf(NR, k.width, 1)]);
  });
  if (p.columns.tail > 0) k.if(p.columns.hasTail, () => column(asExpr(p.columns.full), p.columns.tail));
}

/** Calls `body(index, how many)` for `most` at a time while so many are left, then for each of the others. */
function inSteps(
  k: KernelBuilder,
  count: number | Expr,
  most: number,
  body: (index: Expr, count: number) => void,
): void {
  if (most === 1) {
    k.loop(count, (index) => body(index, 1));
    return;
  }
  const whole =
    typeof count === "number" ? count - (count % most) : k.let(s.isub(count, s.iremU(count, s.i32(most))));
  k.loop(whole, (index) => body(index, most), { step: most });
  k.for(whole, count, 1, (index) => body(index, 1));
}

interface TileAddress {
  /** One for each group of rows; one for each panel. */
  readonly a: readonly Expr[];
  readonly b: readonly Expr[];
  readonly c: Expr;
  readonly bias: Expr | undefined;
  readonly residual: Expr | undefined;
}

function registerTile(
  k: KernelBuilder,
  p: BlockProduct,
  rows: number,
  units: readonly Unit[],
  at: TileAddress,
): void {
  const a = at.a.map((address) => k.let(address));
  const b = at.b.map((address) => k.let(address));
  const c = k.let(at.c);
  const inUnit = <T>(unit: Unit, record: () => T): T => k.vectors(unit.vectors, record);
  const named = (unit: Unit, value: () => Expr): Var => inUnit(unit, () => k.let(value()));
  /** Bytes from the tile's first column in C. */
  const columnOf = ({ panel, offset }: Unit): number => panel * NR * FLOAT + offset;
  const tile = Array.from({ length: rows * a.length }, () =>
    units.map((unit) => named(unit, () => s.vconst(0))),
  );
  const each = (f: (accumulator: Var, row: number, unit: Unit, u: number) => void): void => {
    tile.forEach((row, i) => {
      units.forEach((unit, u) => {
        inUnit(unit, () => f(row[u], i, unit, u));
      });
    });
  };
  k.if(
    p.fresh,
    () => {
      const { bias } = at;
      if (bias === undefined) return;
      const start = units.map((unit) => named(unit, () => loadLanes(bias, unit.lanes, columnOf(unit))));
      each((accumulator, _row, _unit, u) => {
        k.set(accumulator, start[u]);
      });
    },
    () =>
      each((accumulator, row, unit) => {
        k.set(accumulator, loadLanes(c, unit.lanes, row * p.cRow + columnOf(unit)));
      }),
  );
  k.loop(
    p.count,
    () => {
      for (let u = 0; u < p.unroll; u++) {
        const right = units.map((unit) => named(unit, () => s.loadV(b[unit.panel], u * p.bK + unit.offset)));
        tile.forEach((row, i) => {
          const left = k.let(s.loadSplat(a[Math.floor(i / rows)], (i % rows) * p.aRow + u * p.aK));
          units.forEach((unit, v) => {
            inUnit(unit, () => k.set(row[v], s.vfma(left, right[v], row[v])));
          });
        });
      }
      for (const pointer of a) k.set(pointer, s.iadd(pointer, s.i32(p.unroll * p.aK)));
      for (const pointer of b) k.set(pointer, s.iadd(pointer, s.i32(p.unroll * p.bK)));
    },
    { step: p.unroll },
  );
  if (p.residual && at.residual) {
    const residual = k.let(at.residual);
    k.if(p.residual.last, () =>
      each((accumulator, row, unit) => {
        const other = loadLanes(residual, unit.lanes, row * p.cRow + columnOf(unit));
        k.set(accumulator, s.vadd(accumulator, other));
      }),
    );
  }
  each((accumulator, row, unit) => {
    storeLanes(k, c, accumulator, unit.lanes, row * p.cRow + columnOf(unit));
  });
}
