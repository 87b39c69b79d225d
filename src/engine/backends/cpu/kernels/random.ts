// Random numbers inside a program: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// Element i depends only on the key, the site and i; four blocks of four numbers are drawn at a time.

import type { KernelBuilder } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";
import { LANES } from "../simd/expr.ts";
import { vlogPositive, vsincosTurns } from "../simd/math.ts";
import * as s from "../simd/ops.ts";
import type { Lowered } from "./kernel.ts";
import { FLOAT, storeLanes, VECTOR } from "./lanes.ts";
import { transpose } from "./matmul/pack.ts";
import { blockCounts } from "./tiling.ts";

export interface RandomSpec {
  /** Uniform in [0, 1) with 24 bits, or standard normal by Box-Muller. */
  readonly kind: "uniform" | "normal";
  readonly size: number;
  /** Distinguishes the draws of one program, 0 .. 2^32-1. */
  readonly site: number;
  /** Blocks per image; the key's fourth word is then the index of the first image. */
  readonly imageBlocks?: number | undefined;
}

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;
/** Elements drawn at a time, and elements of a tile. */
const GROUP = LANES * LANES;
const TILE = 256 * GROUP;

/** Inputs: the key, i32 [seed low, seed high, step]. Output: `size` floats. */
export function lowerRandom({ kind, size, site, imageBlocks }: RandomSpec): Lowered {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError(`random: got a size of ${size}, expected a positive integer`);
  const tiles = Math.ceil(size / TILE);
  return {
    temps: [],
    steps: [
      {
        args: [{ input: 0 }, { output: 0 }],
        kernel: {
          family: "random",
          key: `random:${kind}:${size}:${site}${imageBlocks === undefined ? "" : `:${imageBlocks}`}`,
          tiles,
          scratchBytes: 0,
          flops: 30 * size,
          bytes: FLOAT * size,
          emit(k) {
            const counts = blockCounts(k, size, TILE, GROUP, k.tile);
            const key = [0, 1, 2].map((i) => k.let(s.xsplat(s.loadI32(k.buffer(0), i * FLOAT))));
            const before =
              imageBlocks === undefined
                ? s.i32(0)
                : s.imul(s.loadI32(k.buffer(0), 3 * FLOAT), s.i32(imageBlocks));
            const block = k.let(s.iadd(before, s.imul(k.tile, s.i32(TILE / LANES))));
            const to = k.let(s.iadd(k.buffer(1), s.imul(k.tile, s.i32(TILE * FLOAT))));
            const draw = (group: Expr): Expr[] => {
              const first = s.iadd(block, s.imul(group, s.i32(LANES)));
              const counter = [
                s.xadd(s.xsplat(first), s.iconst4([0, 1, 2, 3])),
                s.iconst4(site),
                key[2],
                s.iconst4(0),
              ] as const;
              const words = philox(k, counter, [key[0], key[1]]);
              const numbers =
                kind === "uniform"
                  ? words.map((word) => k.let(unit(s.xshrU(word, 8))))
                  : [...boxMuller(k, words[0], words[1]), ...boxMuller(k, words[2], words[3])];
              return transpose(k, numbers);
            };
            const addressOf = (group: Expr): Expr => k.let(s.iadd(to, s.imul(group, s.i32(GROUP * FLOAT))));
            k.loop(counts.full, (group) => {
              const address = addressOf(group);
              draw(group).forEach((numbers, i) => {
                k.storeV(address, numbers, i * VECTOR);
              });
            });
            if (counts.tail > 0)
              k.if(counts.hasTail, () => {
                const address = addressOf(counts.full);
                draw(counts.full).forEach((numbers, i) => {
                  const lanes = Math.min(LANES, counts.tail - i * LANES);
                  if (lanes > 0) storeLanes(k, address, numbers, lanes, i * VECTOR);
                });
              });
          },
        },
      },
    ],
  };
}

type Words = readonly [Expr, Expr, Expr, Expr];

/** Computes four blocks at once: lane i of result j is word j of block i. */
function philox(k: KernelBuilder, counter: Words, key: readonly [Expr, Expr]): Words {
  let words = counter;
  let [key0, key1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const first = wideProduct(k, words[0], MULTIPLIERS[0]);
    const second = wideProduct(k, words[2], MULTIPLIERS[1]);
    words = [
      k.let(s.vxor(s.vxor(second.high, words[1]), key0)),
      second.low,
      k.let(s.vxor(s.vxor(first.high, words[3]), key1)),
      first.low,
    ];
    if (round + 1 < ROUNDS) {
      key0 = k.let(s.xadd(key0, s.iconst4(WEYL[0])));
      key1 = k.let(s.xadd(key1, s.iconst4(WEYL[1])));
    }
  }
  return words;
}

/** The 64-bit products of unsigned lanes with a constant, as high and low words. */
function wideProduct(k: KernelBuilder, words: Expr, multiplier: number): { high: Expr; low: Expr } {
  const factor = s.iconst4(multiplier);
  const left = k.let(s.extmulLowU(words, factor));
  const right = k.let(s.extmulHighU(words, factor));
  return {
    low: k.let(s.shuffle(left, right, [0, 2, 4, 6])),
    high: k.let(s.shuffle(left, right, [1, 3, 5, 7])),
  };
}

/** 24-bit integers scaled to [0, 1], exactly. */
const unit = (bits: Expr): Expr => s.vmul(s.vfromI32(bits), s.vconst(2 ** -24));

/** sqrt(-2 ln u) times the cosine and the sine of 2 pi v, with u in (0, 1] and v in [0, 1). */
function boxMuller(k: KernelBuilder, a: Expr, b: Expr): [Expr, Expr] {
  const u = unit(s.xadd(s.xshrU(a, 8), s.iconst4(1)));
  const radius = k.let(s.vsqrt(s.vmul(vlogPositive(k, u), s.vconst(-2))));
  const { sin, cos } = vsincosTurns(k, unit(s.xshrU(b, 8)));
  return [k.let(s.vmul(radius, cos)), k.let(s.vmul(radius, sin))];
}
