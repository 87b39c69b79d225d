// A kernel that only reads and writes an array much larger than the caches. Its speed is the machine's memory
// bandwidth, the yardstick of kernels that move data.

import type { KernelBuilder } from "../../simd/builder.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { VECTOR } from "../lanes.ts";

/** Bytes of buffer 0. */
export const BANDWIDTH_BUFFER_BYTES = 128 * 2 ** 20;
const TILES = 256;
const TILE_BYTES = BANDWIDTH_BUFFER_BYTES / TILES;
/** Pairs of vectors per iteration. */
const UNROLL = 4;

/** Flips every bit of buffer 0 in place: its contents do not matter, and bits cost the same whatever they are. */
export const bandwidthKernel: Kernel = {
  family: "bandwidth",
  key: "bandwidth",
  tiles: TILES,
  scratchBytes: 0,
  flops: 0,
  bytes: 2 * BANDWIDTH_BUFFER_BYTES,
  emit(k: KernelBuilder): void {
    const start = k.let(s.iadd(k.buffer(0), s.imul(k.tile, s.i32(TILE_BYTES))));
    k.loop(
      TILE_BYTES,
      (i) => {
        const at = k.let(s.iadd(start, i));
        for (let u = 0; u < UNROLL; u++) {
          const offset = u * 2 * VECTOR;
          k.pairs(() => k.storeV(at, s.vnot(s.loadV(at, offset)), offset));
        }
      },
      { step: UNROLL * 2 * VECTOR },
    );
  },
};
