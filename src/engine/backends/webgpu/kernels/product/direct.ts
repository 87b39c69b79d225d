// A product in which each invocation reads all that its one result needs: little code, for devices whose caches make up
// for it, and products that are too small for tiles.

import type { Shader } from "../kernel.ts";
import type { Operand, ProductCode } from "./code.ts";
import { invocationsOf, type ProductSizes, TILES } from "./tiles.ts";

/** @param place statements that define `batch`, `part`, `begin`, `last`, `row0` and `column0` */
export function directCode({ m, n }: ProductSizes, place: string, code: ProductCode): Shader {
  const tile = TILES.direct;
  const read = (name: "a" | "b", operand: Operand, major: string) => {
    const { code: before = "", value } = operand.element(major, "inner", (text) => `${text}_${name}`);
    return `var ${name} = 0.0f;
{ ${before}
${name} = ${value}; }`;
  };
  const body = `${place}
let row = row0 + lane / ${tile.n}u;
let column = column0 + lane % ${tile.n}u;
if (row >= ${m}u || column >= ${n}u) { return; }
${code.setup ?? ""}
${code.a.prepare?.("row", (text) => `${text}_a`) ?? ""}
${code.b.prepare?.("column", (text) => `${text}_b`) ?? ""}
var total = 0.0f;
for (var inner = begin; inner < last; inner++) {
${read("a", code.a, "row")}
${read("b", code.b, "column")}
total = fma(a, b, total);
}
${code.store("row", "column", "total")}`;
  return { head: "", size: invocationsOf(tile), body };
}
