// Attention without its matrix of weights in memory: the softmax is kept up to date as larger scores appear (Milakov &
// Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135).

import { functionsFor } from "../../wgsl/functions.ts";
import { float } from "../../wgsl/text.ts";
import type { GpuKernel, Lowered } from "../kernel.ts";
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
  overTokens,
  placeOf,
  prologue,
  rowsOf,
  SIZE,
  SOFTMAX,
  START,
} from "./blocks.ts";

const FLOAT = 4;

/** softmax(scale q kᵀ) v. Inputs: q, k, v [N, T, C]. */
export function lowerAttention(spec: AttentionSpec, storage: AttentionStorage): Lowered {
  const { images, tokens, heads, channels, scale } = spec;
  const kernel: GpuKernel = {
    family: "attention",
    key: `attention:${keyOf(spec, storage)}`,
    arrays: [...storage.inputs, storage.result].map((stored) => rowsOf(spec, stored)),
    workgroups: groupsFor(spec),
    flops: flopsOf(spec, 2),
    bytes: FLOAT * 4 * images * tokens * heads * channels,
    emit([q, k, v, result]) {
      const body = `${prologue(spec)}
${loadRow(spec, "query", q)}
${declareRow(spec, "joined")}
var most = ${START};
var total = 0.0f;
${overTokens(
  spec,
  k,
  v,
  (others) => `${dotWith(spec, "product", "query", others.first)}
let score = product * ${float(scale)};
${SOFTMAX}
${eachUnit(spec, (unit, at) => `${at("joined")} = fma(${at("joined")}, F(factor), F(weight) * ${others.second(unit)});`)}`,
)}
if (is_used) {
${eachUnit(spec, (unit, at) => result.store(placeOf(spec, "own", unit), `${at("joined")} / F(total)`))}
}`;
      return { head: functionsFor(body, lanesOf(spec)) + memory(spec), size: SIZE, body };
    },
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }] }] };
}
