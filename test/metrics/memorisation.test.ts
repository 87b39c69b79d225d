import { describe, expect, test } from "vitest";
import { synthetic } from "../../src/data/index.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import { features } from "../../src/metrics/features.ts";
import { judge, type Nearness, nearness } from "../../src/metrics/memorisation.ts";
import { PIXEL_SIDE, pixelFeatures } from "../../src/metrics/pixels.ts";

const source = synthetic({ size: PIXEL_SIDE });
const image = (i: number): Pixels => ({
  data: source.image(i),
  width: PIXEL_SIDE,
  height: PIXEL_SIDE,
  channels: 3,
});
const images = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => image(from + i));
/** Left and right turned round, and every byte a little off. */
const mirroredCopy = ({ data, width, height, channels }: Pixels): Pixels => ({
  channels,
  width,
  height,
  data: data.map((_, i) => {
    const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
    return Math.min(250, data[(y * width + width - 1 - x) * 3 + (i % 3)] + 3);
  }),
});

const training = pixelFeatures(images(0, 60));
const judged = async (drawn: Pixels[], mirrored = false) => {
  const near = await nearness(pixelFeatures(drawn), training, {
    ...(mirrored && { mirrored: pixelFeatures(drawn, true) }),
  });
  return { near, found: judge(near, near) };
};

describe("copies of training images", () => {
  test("none among other images of the same kind", async () => {
    const { near, found } = await judged(images(60, 100));
    expect(found).toMatchObject({ verdict: "no copies", copies: 0 });
    expect(near.medianRatio).toBeGreaterThan(0.7);
    expect(near.medianRatio).toBeLessThan(1.4);
    expect(near.leastRatio).toBe(Math.min(...near.ratio));
    expect(near.leastRatio).toBeGreaterThan(1 / 3);
  });

  test("few, and many; the nearest come first", async () => {
    const few = await judged([...images(60, 99), image(7)]);
    expect(few.found).toMatchObject({ verdict: "some copies", copies: 1 });
    expect(few.found.order[0]).toBe(39);
    expect([few.near.index[39], few.near.ratio[39]]).toEqual([7, 0]);
    const many = await judged([...images(60, 80), ...images(0, 20)]);
    expect(many.found).toMatchObject({ verdict: "memorised", copies: 20 });
  });

  test("mirrored ones are found where training mirrors", async () => {
    // An image of the left half of another butterfly is not its own mirror image.
    const lopsided = ({ data, width, height, channels }: Pixels): Pixels => ({
      channels,
      width,
      height,
      data: data.map((value, i) => (Math.floor(i / 3) % width < width / 2 ? value : 40)),
    });
    const originals = images(0, 20).map(lopsided);
    const set = pixelFeatures(originals);
    const drawn = originals.slice(0, 10).map(mirroredCopy);
    const plain = await nearness(pixelFeatures(drawn), set);
    const both = await nearness(pixelFeatures(drawn), set, { mirrored: pixelFeatures(drawn, true) });
    expect(judge(plain, plain).copies).toBe(0);
    expect(judge(both, both).copies).toBe(10);
    expect(Array.from(both.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("in either space", () => {
    const near = (...ratio: number[]): Nearness => ({
      index: new Int32Array(ratio.length),
      ratio: Float64Array.from(ratio),
      medianRatio: 1,
      leastRatio: Math.min(...ratio),
    });
    expect(judge(near(1, 0.2, 1), near(1, 1, 0.3)).copies).toBe(2);
    expect(Array.from(judge(near(1, 0.2, 1), near(1, 1, 0.1)).order)).toEqual([2, 1, 0]);
  });
});

test("a picture that the training set holds twice is copied all the same", async () => {
  const set = pixelFeatures([...images(0, 30), image(4)]);
  const near = await nearness(pixelFeatures([image(4), image(40)]), set);
  expect(near.ratio[0]).toBe(0);
  expect(near.ratio[1]).toBeGreaterThan(1 / 3);
});

test("a training set of one image over and over: another image is no copy, the same is", async () => {
  const set = features(new Float32Array(6).fill(1), 3, 2);
  const near = await nearness(features(Float32Array.of(1, 1, 0, 1), 2, 2), set);
  expect(near.ratio[0]).toBe(0);
  expect(near.ratio[1]).toBe(Number.MAX_VALUE);
});
