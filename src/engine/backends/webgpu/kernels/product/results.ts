// The results of one invocation of a product, in registers: how they are added up from the blocks, and stored.

import type { Block, ProductCode } from "./code.ts";
import { COMPONENTS, lines } from "./range.ts";
import type { ProductSizes, Tile } from "./tiles.ts";

interface Results {
  readonly declare: string;
  /** Adds the products of four elements along k, number `q` of the blocks. */
  readonly accumulate: string;
  readonly store: string;
}

/**
 * Rows and columns that are read by fours along k are as far apart as there are invocations, so that neighbours read
 * neighbouring lines of a block. Where fours lie along m or n, the next four is the next invocation's.
 */
export function resultsOf(sizes: ProductSizes, tile: Tile, a: Block, b: Block, code: ProductCode): Results {
  const left = rowsOf(tile, a);
  const columns = tile.n / tile.perN;
  const store = storing(sizes, tile, code, left.row);
  if (b.operand.along === "inner") {
    // c<i>_<j>: one number.
    const column = (j: number) => `my_column + ${j * columns}u`;
    const each = (text: (i: number, j: number) => string) =>
      lines(tile.perM, (i) => lines(tile.perN, (j) => text(i, j)));
    const add = left.byK
      ? each((i, j) => `c${i}_${j} += dot(a${i}, b${j});`)
      : lines(
          4,
          (kk) => `{
${left.load(kk)}
${each((i, j) => `c${i}_${j} = fma(${left.number(i, kk)}, b${j}.${COMPONENTS[kk]}, c${i}_${j});`)}
}`,
        );
    return {
      declare: each((i, j) => `var c${i}_${j} = 0.0f;`),
      accumulate: `${left.before}
${lines(tile.perN, (j) => `let b${j} = block_b[(${column(j)}) * ${b.line}u + q];`)}
${add}`,
      store: each((i, j) => store(i, column(j), `c${i}_${j}`)),
    };
  }
  // c<i>_<j>: four along n.
  const fours = tile.perN / 4;
  const column = (j: number) => `(my_column + ${j * columns}u) * 4u`;
  const each = (text: (i: number, j: number) => string) =>
    lines(tile.perM, (i) => lines(fours, (j) => text(i, j)));
  return {
    declare: each((i, j) => `var c${i}_${j} = vec4<f32>();`),
    accumulate: `${left.before}
${lines(
  4,
  (kk) => `{
${left.load(kk)}
${lines(fours, (j) => `let b${j} = block_b[(q * 4u + ${kk}u) * ${b.line}u + my_column + ${j * columns}u];`)}
${each((i, j) => `c${i}_${j} = fma(vec4<f32>(${left.number(i, kk)}), b${j}, c${i}_${j});`)}
}`,
)}`,
    store: each((i, j) =>
      code.storesFours
        ? store(i, column(j), `c${i}_${j}`)
        : lines(4, (c) => store(i, `${column(j)} + ${c}u`, `c${i}_${j}.${COMPONENTS[c]}`)),
    ),
  };
}

interface Rows {
  /** Whether A is read by fours along k. */
  readonly byK: boolean;
  /** The row of an invocation's results `i`, from the workgroup's first. */
  readonly row: (i: number) => string;
  /** Statements that load numbers of A for four elements along k at once, or for the one that `kk` counts. */
  readonly before: string;
  readonly load: (kk: number) => string;
  /** The number of A of results `i`. */
  readonly number: (i: number, kk: number) => string;
}

function rowsOf(tile: Tile, { operand, line }: Block): Rows {
  const rows = tile.m / tile.perM;
  const spread = (i: number) => `my_row + ${i * rows}u`;
  if (operand.along === "inner") {
    return {
      byK: true,
      row: spread,
      before: lines(tile.perM, (i) => `let a${i} = block_a[(${spread(i)}) * ${line}u + q];`),
      load: () => "",
      number: (i, kk) => `a${i}.${COMPONENTS[kk]}`,
    };
  }
  const lineAt = (kk: number) => `(q * 4u + ${kk}u) * ${line}u`;
  if (tile.perM === 1) {
    return {
      byK: false,
      row: spread,
      before: "",
      load: (kk) => `let a0 = block_a[${lineAt(kk)} + my_row / 4u][my_row % 4u];`,
      number: () => "a0",
    };
  }
  return {
    byK: false,
    row: (i) => `(my_row + ${Math.floor(i / 4) * rows}u) * 4u + ${i % 4}u`,
    before: "",
    load: (kk) => lines(tile.perM / 4, (i) => `let a${i} = block_a[${lineAt(kk)} + ${spread(i)}];`),
    number: (i) => `a${Math.floor(i / 4)}.${COMPONENTS[i % 4]}`,
  };
}

/** Statements that store a result of rows `i`, if it is one. */
const storing =
  ({ m, n }: ProductSizes, tile: Tile, code: ProductCode, rowOf: (i: number) => string) =>
  (i: number, column: string, value: string): string => {
    const conditions = [
      ...(m % tile.m === 0 ? [] : [`row < ${m}u`]),
      ...(n % tile.n === 0 ? [] : [`column < ${n}u`]),
    ];
    return `{
let row = row0 + ${rowOf(i)};
let column = column0 + ${column};
${conditions.length === 0 ? "" : `if (${conditions.join(" && ")}) `}{ ${code.store("row", "column", value)} }
}`;
  };
