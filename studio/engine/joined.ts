// Pictures of several batches as those of one.

import type { Pictures } from "./messages.ts";

/** @param all of one size, at least one */
export function joined(all: readonly Pictures[]): Pictures {
  const [{ width, height }] = all;
  const size = 4 * width * height;
  const count = all.reduce((sum, one) => sum + one.count, 0);
  const rgba = new Uint8ClampedArray(size * count);
  let at = 0;
  for (const one of all) {
    rgba.set(one.rgba, at);
    at += size * one.count;
  }
  return { width, height, count, rgba };
}
