// Random numbers inside a program: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"),
// with the same bits as on the CPU. An invocation draws one block of four numbers.

import { functionsFor } from "../wgsl/functions.ts";
import { type GpuKernel, groupIndex, groupsOf, type Lowered } from "./kernel.ts";

export interface RandomSpec {
  /** Uniform in [0, 1) with 24 bits, or standard normal by Box-Muller. */
  readonly kind: "uniform" | "normal";
  readonly size: number;
  /** Distinguishes the draws of one program, 0 .. 2^32-1. */
  readonly site: number;
  /** Blocks per image; the key's fourth word is then the index of the first image. */
  readonly imageBlocks?: number | undefined;
}

const SIZE = 256;
const FLOAT = 4;

const PHILOX = `
fn multiply_high(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let carry = a0 * b1 + (middle & 0xffffu);
  return a1 * b1 + (middle >> 16u) + (carry >> 16u);
}
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var x = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    x = vec4<u32>(
      multiply_high(0xcd9e8d57u, x.z) ^ x.y ^ k.x,
      0xcd9e8d57u * x.z,
      multiply_high(0xd2511f53u, x.x) ^ x.w ^ k.y,
      0xd2511f53u * x.x,
    );
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return x;
}
`;

/** sqrt(-2 ln u) times the cosine and the sine of 2 pi v. */
const BOX_MULLER = `
fn box_muller(a: u32, b: u32) -> vec2<f32> {
  let u = f32((a >> 8u) + 1u) * 5.9604644775390625e-8f;
  let v = f32(b >> 8u) * 5.9604644775390625e-8f;
  return sqrt(imago_log(u) * -2.0f) * vec2<f32>(imago_sin_turns(v, 1), imago_sin_turns(v, 0));
}
`;

const NUMBERS = {
  uniform: "let drawn = vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8f;",
  normal: "let drawn = vec4<f32>(box_muller(words.x, words.y), box_muller(words.z, words.w));",
};

/** Inputs: the key, i32 [seed low, seed high, step]. Output: `size` floats. */
export function lowerRandom({ kind, size, site, imageBlocks }: RandomSpec): Lowered {
  const blocks = Math.ceil(size / 4);
  const workgroups = groupsOf(Math.ceil(blocks / SIZE));
  const kernel: GpuKernel = {
    family: "random",
    key: `random:${kind}:${size}:${site}:${imageBlocks ?? ""}`,
    arrays: ["i32", "f32"],
    workgroups,
    flops: 30 * size,
    bytes: FLOAT * size,
    emit([key, result]) {
      const first = imageBlocks === undefined ? "0u" : `u32(${key.load("3u")}) * ${imageBlocks}u`;
      const body = `let block = ${groupIndex(workgroups)} * ${SIZE}u + lane;
if (block >= ${blocks}u) { return; }
let words = philox(vec4<u32>(${first} + block, ${site}u, u32(${key.load("2u")}), 0u), vec2<u32>(u32(${key.load("0u")}), u32(${key.load("1u")})));
${NUMBERS[kind]}
${[0, 1, 2, 3].map((i) => `if (block * 4u + ${i}u < ${size}u) { ${result.store(`block * 4u + ${i}u`, `drawn[${i}]`)} }`).join("\n")}`;
      const own = kind === "normal" ? BOX_MULLER : "";
      return { head: functionsFor(own) + PHILOX + own, size: SIZE, body };
    },
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { output: 0 }] }] };
}
