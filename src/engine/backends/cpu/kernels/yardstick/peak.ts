// A kernel that only does multiply-adds in registers. Its speed is the SIMD peak, the yardstick of every benchmark.

import type { KernelBuilder } from "../../simd/builder.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { FLOAT, WIDEST } from "../lanes.ts";

/** As many chains as a matrix product's register tile has: enough to hide the latency of an addition. */
const CHAINS = 12;
const ROUNDS = 1 << 18;
const TILES = 256;
const TILE_BYTES = CHAINS * WIDEST;

/** Buffer 0 receives every chain of each tile, so that no compiler can drop the work. */
export const peakKernel: Kernel = {
  family: "peak",
  key: "peak",
  tiles: TILES,
  scratchBytes: 0,
  flops: TILES * ROUNDS * CHAINS * LANES * 2,
  bytes: 0,
  emit(k: KernelBuilder): void {
    const lanes = k.width * LANES;
    const to = k.let(s.iadd(k.buffer(0), s.imul(k.tile, s.i32(TILE_BYTES))));
    const chains = (): void => {
      const factor = k.let(s.vconst(0.999));
      const values = Array.from({ length: CHAINS }, (_, i) => k.let(s.vconst(i)));
      k.loop((ROUNDS * LANES) / lanes, () => {
        for (const chain of values) k.set(chain, s.vfma(chain, factor, factor));
      });
      values.forEach((chain, i) => {
        k.storeV(to, chain, i * lanes * FLOAT);
      });
    };
    k.vectors(k.width, chains);
  },
};

/** Bytes of buffer 0. */
export const PEAK_BUFFER_BYTES = TILES * TILE_BYTES;
