// Winograd's transforms as WGSL: of one channel of one tile, in an invocation's registers.

import type { Arithmetic, Transform } from "../../../winograd/transforms.ts";
import { float } from "../../wgsl/text.ts";
import { range } from "../product/range.ts";

/** Writes statements; kept values are named `t0`, `t1`, ... */
class Statements implements Arithmetic<string> {
  readonly lines: string[] = [];
  #kept = 0;

  readonly keep = (value: string): string => {
    const name = `t${this.#kept++}`;
    this.lines.push(`let ${name} = ${value};`);
    return name;
  };
  readonly add = (a: string, b: string): string => `(${a} + ${b})`;
  readonly sub = (a: string, b: string): string => `(${a} - ${b})`;
  readonly times = (a: string, constant: number): string => `(${a} * ${float(constant)})`;
  readonly plus = (a: string, constant: number, b: string): string => `fma(${a}, ${float(constant)}, ${b})`;
  readonly minus = (a: string, constant: number, b: string): string => this.plus(a, -constant, b);
}

/**
 * Statements of a transform in two dimensions: of columns, then of rows.
 * @param side of the square of values
 * @param value at row y and column x
 * @param store a statement for each result
 */
export function transformed(
  transform: Transform,
  side: number,
  value: (y: number, x: number) => string,
  store: (y: number, x: number, result: string) => string,
): string {
  const s = new Statements();
  const columns = range(side).map((x) =>
    transform(
      s,
      range(side).map((y) => s.keep(value(y, x))),
    ).map(s.keep),
  );
  for (const y of columns[0].keys()) {
    const row = transform(
      s,
      columns.map((column) => column[y]),
    );
    for (const [x, result] of row.entries()) s.lines.push(store(y, x, s.keep(result)));
  }
  return s.lines.join("\n");
}
