// The gradient of attention, without its matrix of weights in memory (Dao et al. 2022, arXiv 2205.14135). Three kernels:
// the first leaves for each query the logarithm of its softmax's sum and the mean of the weights' slopes; the second
// gives the gradient of q, the third those of k and v.

import { functionsFor } from "../../wgsl/functions.ts";
import { float } from "../../wgsl/text.ts";
import type { GpuKernel, Lowered, Shader } from "../kernel.ts";
import {
  type AttentionSpec,
  type AttentionStorage,
  declareRow,
  dotWith,
  eachUnit,
  flopsOf,
  groupsFor,
  keyOf,
  lanesOf,
  loadRow,
  memory,
  numberOf,
  overTokens,
  placeOf,
  prologue,
  rowsOf,
  SIZE,
  SOFTMAX,
  START,
} from "./blocks.ts";

const FLOAT = 4;

/** Gradients of k, v and q, [3, N, T, C]. Inputs: q, k, v and the gradient of the result. */
export function lowerAttentionGrad(spec: AttentionSpec, storage: AttentionStorage): Lowered {
  const rows = spec.images * spec.heads * spec.tokens;
  const inputs = [0, 1, 2, 3].map((input) => ({ input }));
  const kept = [{ temp: 0 }, { temp: 1 }];
  return {
    temps: [rows, rows],
    steps: [
      { kernel: rowsKernel(spec, storage), args: [...inputs, ...kept] },
      { kernel: queriesKernel(spec, storage), args: [...inputs, ...kept, { output: 0 }] },
      { kernel: keysKernel(spec, storage), args: [...inputs, ...kept, { output: 0 }] },
    ],
  };
}

/** What the three have in common; arrays: q, k, v, gradient, two numbers of each query, and the result. */
function shared(
  spec: AttentionSpec,
  { inputs, result }: AttentionStorage,
): Pick<GpuKernel, "family" | "workgroups" | "bytes" | "arrays"> {
  const { images, tokens, heads, channels } = spec;
  return {
    family: "attention_grad",
    workgroups: groupsFor(spec),
    bytes: FLOAT * 5 * images * tokens * heads * channels,
    arrays: [...inputs.map((stored) => rowsOf(spec, stored)), "f32", "f32", rowsOf(spec, result)],
  };
}

const shader = (spec: AttentionSpec, body: string): Shader => ({
  head: functionsFor(body, lanesOf(spec)) + memory(spec),
  size: SIZE,
  body,
});

/** The weight of a score, by the logarithm of the softmax's sum. */
const weightOf = ({ scale }: AttentionSpec, sum: string): string =>
  `let weight = exp(fma(product, ${float(scale)}, -${sum}));`;

function rowsKernel(spec: AttentionSpec, storage: AttentionStorage): GpuKernel {
  const common = shared(spec, storage);
  return {
    ...common,
    arrays: common.arrays.slice(0, -1),
    key: `attention_rows:${keyOf(spec, storage)}`,
    flops: flopsOf(spec, 2),
    emit: ([q, k, v, g, sums, means]) =>
      shader(
        spec,
        `${prologue(spec)}
${loadRow(spec, "query", q)}
${loadRow(spec, "gradient", g)}
var most = ${START};
var total = 0.0f;
var mean = 0.0f;
${overTokens(
  spec,
  k,
  v,
  (others) => `${dotWith(spec, "product", "query", others.first)}
${dotWith(spec, "change", "gradient", others.second)}
let score = product * ${float(spec.scale)};
${SOFTMAX}
mean = fma(mean, factor, weight * change);`,
)}
if (is_used) {
${sums.store(numberOf(spec, "own"), "most + log(total)")}
${means.store(numberOf(spec, "own"), "mean / total")}
}`,
      ),
  };
}

function queriesKernel(spec: AttentionSpec, storage: AttentionStorage): GpuKernel {
  const size = spec.images * spec.tokens * spec.heads * spec.channels;
  return {
    ...shared(spec, storage),
    key: `attention_grad_q:${keyOf(spec, storage)}`,
    flops: flopsOf(spec, 3),
    emit: ([q, k, v, g, sums, means, result]) =>
      shader(
        spec,
        `${prologue(spec)}
${loadRow(spec, "query", q)}
${loadRow(spec, "gradient", g)}
var sum = 0.0f;
var mean = 0.0f;
if (is_used) { sum = ${sums.load(numberOf(spec, "own"))}; mean = ${means.load(numberOf(spec, "own"))}; }
${declareRow(spec, "joined")}
${overTokens(
  spec,
  k,
  v,
  (others) => `${dotWith(spec, "product", "query", others.first)}
${dotWith(spec, "change", "gradient", others.second)}
${weightOf(spec, "sum")}
let slope = weight * (change - mean) * ${float(spec.scale)};
${eachUnit(spec, (unit, at) => `${at("joined")} = fma(F(slope), ${others.first(unit)}, ${at("joined")});`)}`,
)}
if (is_used) {
${eachUnit(spec, (unit, at) => result.store(`${2 * size}u + ${placeOf(spec, "own", unit)}`, at("joined")))}
}`,
      ),
  };
}

function keysKernel(spec: AttentionSpec, storage: AttentionStorage): GpuKernel {
  const size = spec.images * spec.tokens * spec.heads * spec.channels;
  return {
    ...shared(spec, storage),
    key: `attention_grad_kv:${keyOf(spec, storage)}`,
    flops: flopsOf(spec, 4),
    emit: ([q, k, v, g, sums, means, result]) =>
      shader(
        spec,
        `${prologue(spec)}
${loadRow(spec, "key", k)}
${loadRow(spec, "value", v)}
${declareRow(spec, "of_key")}
${declareRow(spec, "of_value")}
${overTokens(
  spec,
  q,
  g,
  (others) => `${dotWith(spec, "product", "key", others.first)}
${dotWith(spec, "change", "value", others.second)}
let row = ${numberOf(spec, "other")};
${weightOf(spec, sums.load("row"))}
let slope = weight * (change - ${means.load("row")}) * ${float(spec.scale)};
${eachUnit(
  spec,
  (unit, at) => `${at("of_key")} = fma(F(slope), ${others.first(unit)}, ${at("of_key")});
${at("of_value")} = fma(F(weight), ${others.second(unit)}, ${at("of_value")});`,
)}`,
)}
if (is_used) {
${eachUnit(
  spec,
  (unit, at) => `${result.store(placeOf(spec, "own", unit), at("of_key"))}
${result.store(`${size}u + ${placeOf(spec, "own", unit)}`, at("of_value"))}`,
)}
}`,
      ),
  };
}
