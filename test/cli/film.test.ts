// A film: which steps it shows, as a strip and as an animation.

import { expect, test } from "vitest";
import { Film } from "../../src/cli/sample/film.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";

/** The brightest that a step is; the strip's margins are brighter. */
const BRIGHT = 0.8;

const grey = (unit: number) => hostTensor(Float32Array.of(2 * unit - 1), [1, 1, 1, 1]);

/** The steps that a film of so many shows: above, where a step is as bright as its share, and below, where it is as dark. */
async function shown(steps: number): Promise<[number[], number[]]> {
  const film = new Film(10);
  for (let step = 1; step <= steps; step++) {
    const share = step / steps;
    film.add({ share, sample: grey(BRIGHT * share), predOriginalSample: grey(BRIGHT * (1 - share)) });
  }
  const { data, width, height } = await film.strip();
  const every = Array.from({ length: steps }, (_, i) => i + 1);
  const inRow = (y: number, unitOf: (share: number) => number) => {
    const row = new Set(Array.from({ length: width }, (_, x) => data[Math.floor(y) * width + x]));
    return every.filter((step) => row.has(Math.round(255 * BRIGHT * unitOf(step / steps))));
  };
  return [inRow(height / 4, (share) => share), inRow((3 * height) / 4, (share) => 1 - share)];
}

test.each([
  [1, [1]],
  [4, [1, 2, 3, 4]],
  [10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [99, [1, 11, 22, 33, 44, 55, 66, 77, 88, 99]],
])("of %i steps: the first, the last, and at most ten in all", async (steps, expected) => {
  expect(await shown(steps)).toEqual([expected, expected]);
});

test("an animation shows the sample beside the predicted image, and its last frame longest", async () => {
  const film = new Film(3);
  for (let step = 1; step <= 9; step++) {
    const share = step / 9;
    film.add({ share, sample: grey(BRIGHT * share), predOriginalSample: grey(BRIGHT * (1 - share)) });
  }
  const { frames, delay } = await film.animation();
  expect(frames.map(({ width, height }) => [width, height])).toEqual(Array(3).fill([128 + 128 + 12, 136]));
  for (const [i, share] of [1 / 9, 5 / 9, 1].entries()) {
    const levels = [64, 200].map((x) => frames[i].data[64 * frames[i].width + x]);
    expect(levels).toEqual([share, 1 - share].map((part) => Math.round(255 * BRIGHT * part)));
  }
  expect(delay).toEqual([100, 100, 2500]);
});
