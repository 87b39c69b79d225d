// The inner loop of every matrix product: a block of rows times panels of columns, kept in registers while k runs.
//
// C[m, n] (+)= A[m, k] B[k, n], where A's rows and k steps have constant strides and B comes in panels of NR columns:
// one row of NR floats for each k. A register tile is MR rows by two registers of columns: 12 accumulators, two
// registers of B and one element of A use 15 of the 16 vector registers of x86-64. Where pairs of vectors share a
// register, the two registers hold a whole panel, elsewhere half of one; sums are the same either way.

import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { FLOAT, loadLanes, storeLanes, VECTOR } from "../lanes.ts";
import type { UnitCounts } from "../tiling.ts";

/** Rows of a register tile, where there are at least two vectors of columns. */
export const MR = 6;
/** Columns of a panel. */
export const NR = 4 * LANES;
/** Columns of a register tile where each register holds one vector. */
const NARROW = 2 * LANES;
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

/** Records the product of a block. */
export function blockProduct(k: KernelBuilder, p: BlockProduct): void {
  const asExpr = (e: number | Expr): Expr => (typeof e === "number" ? s.i32(e) : e);
  const panelBytes = asExpr(p.bPanel);
  const groupBytes = asExpr(p.aGroup);
  const tileColumns = k.wide ? NR : p.mr > MR ? LANES : NARROW;
  const column = (panel: Expr, columns: number): void => {
    for (let first = 0; first < columns; first += tileColumns)
      strip(panel, first, Math.min(tileColumns, columns - first));
  };
  const strip = (panel: Expr, first: number, columns: number): void => {
    const b = k.let(s.iadd(p.b, s.imul(panel, panelBytes), s.i32(first * FLOAT)));
    const c = k.let(s.iadd(p.c, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const bias = p.bias && k.let(s.iadd(p.bias, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const residual =
      p.residual && k.let(s.iadd(p.residual.at, s.imul(panel, s.i32(NR * FLOAT)), s.i32(first * FLOAT)));
    const at = (group: Expr) => {
      const rowBytes = s.imul(group, s.i32(p.mr * p.cRow));
      return {
        a: s.iadd(p.a, s.imul(group, groupBytes)),
        c: s.iadd(c, rowBytes),
        residual: residual && s.iadd(residual, rowBytes),
      };
    };
    k.loop(p.rows.full, (group) => registerTile(k, p, p.mr, columns, { ...at(group), b, bias }));
    if (p.rows.tail > 0)
      k.if(p.rows.hasTail, () =>
        registerTile(k, p, p.rows.tail, columns, { ...at(asExpr(p.rows.full)), b, bias }),
      );
  };
  k.loop(p.columns.full, (panel) => column(panel, NR));
  if (p.columns.tail > 0) k.if(p.columns.hasTail, () => column(asExpr(p.columns.full), p.columns.tail));
}

interface TileAddress {
  readonly a: Expr;
  readonly b: Expr;
  readonly c: Expr;
  readonly bias: Expr | undefined;
  readonly residual: Expr | undefined;
}

function registerTile(
  k: KernelBuilder,
  p: BlockProduct,
  rows: number,
  columns: number,
  at: TileAddress,
): void {
  const vectors = Math.ceil(columns / LANES);
  const lanes = (v: number): number => Math.min(LANES, columns - v * LANES);
  const a = k.let(at.a);
  const b = k.let(at.b);
  const c = k.let(at.c);
  const tile = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => k.let(s.vconst(0))));
  const each = (f: (accumulator: (typeof tile)[number][number], row: number, v: number) => void): void => {
    tile.forEach((row, i) => {
      row.forEach((accumulator, v) => {
        f(accumulator, i, v);
      });
    });
  };
  k.if(
    p.fresh,
    () => {
      const { bias } = at;
      if (bias === undefined) return;
      const start = Array.from({ length: vectors }, (_, v) => k.let(loadLanes(bias, lanes(v), v * VECTOR)));
      each((accumulator, _, v) => {
        k.set(accumulator, start[v]);
      });
    },
    () =>
      each((accumulator, row, v) => {
        k.set(accumulator, loadLanes(c, lanes(v), row * p.cRow + v * VECTOR));
      }),
  );
  k.loop(
    p.count,
    () => {
      for (let u = 0; u < p.unroll; u++) {
        const right = Array.from({ length: vectors }, (_, v) => k.let(s.loadV(b, u * p.bK + v * VECTOR)));
        tile.forEach((row, i) => {
          const left = k.let(s.loadSplat(a, i * p.aRow + u * p.aK));
          row.forEach((accumulator, v) => {
            k.set(accumulator, s.vfma(left, right[v], accumulator));
          });
        });
      }
      k.set(a, s.iadd(a, s.i32(p.unroll * p.aK)));
      k.set(b, s.iadd(b, s.i32(p.unroll * p.bK)));
    },
    { step: p.unroll },
  );
  if (p.residual && at.residual) {
    const residual = k.let(at.residual);
    k.if(p.residual.last, () =>
      each((accumulator, row, v) => {
        k.set(accumulator, s.vadd(accumulator, loadLanes(residual, lanes(v), row * p.cRow + v * VECTOR)));
      }),
    );
  }
  each((accumulator, row, v) => {
    storeLanes(k, c, accumulator, lanes(v), row * p.cRow + v * VECTOR);
  });
}
