// The tiled product that matrix products and convolutions share: C[m, n] = sum over k of A[m, k] B[k, n]. A workgroup
// computes one tile of C: blocks of A and B pass through its memory in fours, its results stay in registers. What A and B
// are (strided matrices, an image under a filter) is text that the kernel gives.

import { groupIndex, type Shader } from "../kernel.ts";
import type { Block, Naming, Operand, ProductCode } from "./code.ts";
import { directCode } from "./direct.ts";
import { COMPONENTS, range } from "./range.ts";
import { resultsOf } from "./results.ts";
import { type Cut, invocationsOf, isDirect, type ProductSizes, productGroups } from "./tiles.ts";

export const productKey = ({ m, n, k, batch }: ProductSizes, { tile, parts }: Cut): string =>
  `${batch}x${m}x${n}x${k}/${parts}:${Object.values(tile).join("-")}`;

function blockOf(name: "a" | "b", operand: Operand, major: number, inner: number): Block {
  const isInner = operand.along === "inner";
  const line = isInner ? inner / 4 + 1 : major / 4;
  return { name, operand, major, inner, line, fours: line * (isInner ? major : inner) };
}

/** Statements that say which tile and which part of the sum a workgroup has, from `begin` to `last` along k. */
function headOf(sizes: ProductSizes, cut: Cut, length: number): string {
  const { m, n, k } = sizes;
  const { tile, parts } = cut;
  const [across, down] = [Math.ceil(n / tile.n), Math.ceil(m / tile.m)];
  const groups = productGroups(sizes, cut);
  return `
let number = ${groupIndex(groups)};
${groups[0] * groups[1] === across * down ? "" : `if (number >= ${across * down}u) { return; }`}
let row0 = (number / ${across}u) * ${tile.m}u;
let column0 = (number % ${across}u) * ${tile.n}u;
let batch = group.z / ${parts}u;
let part = group.z % ${parts}u;
let begin = part * ${length}u;
let last = min(begin + ${length}u, ${k}u);`;
}

/** The whole WGSL of a product. */
export function productCode(sizes: ProductSizes, cut: Cut, code: ProductCode): Shader {
  const { m, n, k } = sizes;
  const { tile, parts } = cut;
  const length = Math.ceil(Math.ceil(k / parts) / tile.k) * tile.k;
  const place = headOf(sizes, cut, length);
  if (isDirect(tile)) return directCode(sizes, place, code);
  const size = invocationsOf(tile);
  const a = blockOf("a", code.a, tile.m, tile.k);
  const b = blockOf("b", code.b, tile.n, tile.k);
  const isWhole = { a: m % tile.m === 0, b: n % tile.n === 0, inner: length * parts === k };
  const loads = [
    loadsOf(a, size, "row0", isWhole.a ? undefined : m, isWhole.inner),
    loadsOf(b, size, "column0", isWhole.b ? undefined : n, isWhole.inner),
  ];
  const results = resultsOf(sizes, tile, a, b, code);
  const body = `${place}
let my_row = lane / ${tile.n / tile.perN}u;
let my_column = lane % ${tile.n / tile.perN}u;
${code.setup ?? ""}
${loads.map(({ before }) => before).join("\n")}
${results.declare}
for (var k0 = begin; k0 < last; k0 += ${tile.k}u) {
${loads.map(({ inside }) => inside).join("\n")}
workgroupBarrier();
for (var q = 0u; q < ${tile.k / 4}u; q++) {
${results.accumulate}
}
workgroupBarrier();
}
${results.store}`;
  const head = `var<workgroup> block_a: array<vec4<f32>, ${a.fours}>;
var<workgroup> block_b: array<vec4<f32>, ${b.fours}>;
`;
  return { head, size, body };
}

/** Statements by which a workgroup loads a block: before the loop over k, and inside it. */
function loadsOf(
  block: Block,
  size: number,
  start: string,
  majorEnd: number | undefined,
  isWholeInner: boolean,
): { readonly before: string; readonly inside: string } {
  const { name, operand, major, inner, line } = block;
  const isInner = operand.along === "inner";
  // Neighbouring invocations load neighbouring fours.
  const perLine = isInner ? inner / 4 : major / 4;
  const count = (isInner ? major : inner) * perLine;
  const before: string[] = [];
  const inside: string[] = [];
  for (const slot of range(Math.ceil(count / size))) {
    const own: Naming = (text) => `${text}_${name}${slot}`;
    const [e, at] = [own("e"), own("at")];
    const [atMajor, atInner] = [own("major"), own("inner")];
    before.push(`let ${e} = lane + ${slot * size}u;
let ${at} = (${e} / ${perLine}u) * ${line}u + ${e} % ${perLine}u;
let ${atMajor} = ${start} + ${isInner ? `${e} / ${perLine}u` : `(${e} % ${perLine}u) * 4u`};`);
    if (operand.inFours || isInner) before.push(operand.prepare?.(atMajor, own) ?? "");
    const isPartial = (slot + 1) * size > count;
    inside.push(`${isPartial ? `if (${e} < ${count}u) ` : ""}{
let ${atInner} = k0 + ${isInner ? `(${e} % ${perLine}u) * 4u` : `${e} / ${perLine}u`};
var loaded = vec4<f32>();
${fourOf(operand, atMajor, atInner, own, majorEnd, isWholeInner)}
block_${name}[${at}] = loaded;
}`);
  }
  return { before: before.join("\n"), inside: inside.join("\n") };
}

/** Statements that set `loaded` to four elements, those outside of the operand to 0. */
function fourOf(
  operand: Operand,
  major: string,
  inner: string,
  own: Naming,
  majorEnd: number | undefined,
  isWholeInner: boolean,
): string {
  const guard = (atMajor: string, atInner: string, statements: string): string => {
    const conditions = [
      ...(majorEnd === undefined ? [] : [`${atMajor} < ${majorEnd}u`]),
      ...(isWholeInner ? [] : [`${atInner} < last`]),
    ];
    return conditions.length === 0
      ? `{ ${statements} }`
      : `if (${conditions.join(" && ")}) { ${statements} }`;
  };
  if (operand.inFours) {
    const { code = "", value } = operand.element(major, inner, own);
    return guard(major, inner, `${code}\nloaded = ${value};`);
  }
  return COMPONENTS.map((component, c) => {
    const one: Naming = (text) => `${own(text)}${component}`;
    if (operand.along === "inner") {
      const { code = "", value } = operand.element(major, one("inner"), own);
      return `{ let ${one("inner")} = ${inner} + ${c}u; ${guard(major, one("inner"), `${code}\nloaded.${component} = ${value};`)} }`;
    }
    const { code = "", value } = operand.element(one("major"), inner, one);
    const prepared = operand.prepare?.(one("major"), one) ?? "";
    return `{ let ${one("major")} = ${major} + ${c}u; ${guard(one("major"), inner, `${prepared}\n${code}\nloaded.${component} = ${value};`)} }`;
  }).join("\n");
}
