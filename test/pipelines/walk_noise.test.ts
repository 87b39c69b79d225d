// Walks between seeds: where they begin and end, and how they go there.

import { afterAll, expect, test } from "vitest";
import { DDPMPipeline, DDPMScheduler, imageNoise, walkNoise } from "../../src/index.ts";
import { tinyUNet } from "./support.ts";

const IMAGE = [64, 64, 3];
const SIZE = 64 * 64 * 3;

/** The d-th draw of the images from `firstImage` on. */
function drawOf(
  noise: ReturnType<typeof walkNoise>,
  firstImage: number,
  count: number,
  draw = 0,
): Float32Array[] {
  const source = noise(firstImage);
  for (let i = 0; i < draw; i++) source.randn([count, ...IMAGE]);
  const { data, shape } = source.randn([count, ...IMAGE]);
  expect(shape).toEqual([count, ...IMAGE]);
  return Array.from({ length: count }, (_, k) => data.subarray(k * SIZE, (k + 1) * SIZE));
}

/** The d-th draw of image k of a seed. */
function ofSeed(seed: number | bigint, k: number, draw = 0): Float32Array {
  const source = imageNoise(seed, k);
  for (let i = 0; i < draw; i++) source.randn([1, ...IMAGE]);
  return source.randn([1, ...IMAGE]).data;
}

const deviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
const distance = (a: Float32Array, b: Float32Array) => deviation(a.map((x, i) => x - b[i]));

test("passes through each seed's own noise, in its start and in its steps, and is closed", () => {
  const noise = walkNoise([3, 7n, 12], 4);
  for (const draw of [0, 2]) {
    const walk = drawOf(noise, 0, 13, draw);
    for (const [i, seed] of [3, 7, 12, 3].entries()) expect(walk[4 * i]).toEqual(ofSeed(seed, 0, draw));
  }
});

test("goes on in equal steps, through noise that is as strong as any", () => {
  const walk = drawOf(walkNoise([3, 7], 8), 0, 17);
  const steps = walk.slice(1).map((frame, i) => distance(frame, walk[i]));
  // A quarter of a circle in 8 steps.
  for (const step of steps) expect(step).toBeCloseTo(2 * Math.sin(Math.PI / 32), 2);
  for (const frame of walk) expect(Math.abs(deviation(frame) - 1)).toBeLessThan(0.02);
});

test("is the same in any batches, and each walker has its own noise", () => {
  const noise = walkNoise([3, 7], 2, 3);
  const whole = drawOf(noise, 0, 12);
  expect([...drawOf(noise, 0, 5), ...drawOf(noise, 5, 5), ...drawOf(noise, 10, 2)]).toEqual(whole);
  for (const walker of [0, 1, 2]) {
    expect(whole[walker]).toEqual(ofSeed(3, walker));
    expect(whole[6 + walker]).toEqual(ofSeed(7, walker));
  }
});

test("between a seed and itself it stands still; what is no walk is refused", () => {
  for (const frame of drawOf(walkNoise([5, 5], 3), 0, 6)) expect(frame).toEqual(ofSeed(5, 0));
  expect(() => walkNoise([3], 8)).toThrow("a walk between 1 seeds; expected two or more");
  expect(() => walkNoise([3, 7], 0)).toThrow("frames is 0, expected a whole number of at least 1");
  expect(() => walkNoise([3, 7], 1, 1.5)).toThrow("walkers is 1.5");
});

const pipeline = new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { threads: 1 });
afterAll(() => pipeline.close());

test.each(["ddim", "ddpm", "euler-ancestral"] as const)(
  "%s draws the pictures of the seeds, in any batches",
  async (scheduler) => {
    const call = { scheduler, steps: 3, count: 6, noise: walkNoise([3, 7, 12], 2) };
    const images = await pipeline.generateImages(call);
    expect(await pipeline.generateImages({ ...call, batchSize: 4 })).toEqual(images);
    for (const [i, seed] of [3, 7, 12].entries()) {
      const [alone] = await pipeline.generateImages({ scheduler, steps: 3, seed });
      expect(images[2 * i]).toEqual(alone);
    }
    expect(images[1]).not.toEqual(images[0]);
  },
);

test("samplers that choose their own steps refuse it", async () => {
  const call = { scheduler: "adaptive", count: 4, noise: walkNoise([3, 7], 2) } as const;
  await expect(pipeline.generateImages(call)).rejects.toThrow("noise does not go with adaptive");
});
