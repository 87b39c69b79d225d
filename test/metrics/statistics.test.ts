import * as v from "valibot";
import { beforeAll, describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { MetricError } from "../../src/metrics/errors.ts";
import { type Features, features, takeRows } from "../../src/metrics/features.ts";
import { frechetDistance, traceOfRoot } from "../../src/metrics/frechet_distance.ts";
import { kernelDistance } from "../../src/metrics/kernel_distance.ts";
import { gaussianOf, Moments } from "../../src/metrics/moments.ts";
import { nearest } from "../../src/metrics/neighbours.ts";
import { precisionRecall } from "../../src/metrics/precision_recall.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import type { GoldenTensors } from "../support/golden_tensors.ts";

const numbersSchema = v.record(
  v.string(),
  v.object({
    frechet: v.number(),
    kernel: v.number(),
    precision: v.number(),
    recall: v.number(),
    density: v.number(),
    coverage: v.number(),
    mean: v.array(v.number()),
    covariance: v.array(v.number()),
  }),
);
const NAMES = ["other", "noisy", "far", "large_mean"] as const;

let golden: GoldenTensors;
let numbers: v.InferOutput<typeof numbersSchema>;
beforeAll(async () => {
  golden = await readGolden("metrics/statistics.safetensors");
  numbers = v.parse(numbersSchema, await readJsonFixture("metrics/statistics.json"));
});

function set(name: string): Features {
  const [count, dims] = golden.shape(name);
  return features(golden.floats(name), count, dims);
}
const relative = (value: number, expected: number) => Math.abs(value - expected) / Math.abs(expected);
const firstRows = (of: Features, count: number) =>
  takeRows(
    of,
    Array.from({ length: count }, (_, i) => i),
  );
const frechet = async (a: Features, b: Features) => frechetDistance(await gaussianOf(a), await gaussianOf(b));

describe.each(NAMES)("the numbers of NumPy and SciPy: %s", (name) => {
  test("mean, covariance and Fréchet distance", async () => {
    const [a, b] = [set(`${name}.a`), set(`${name}.b`)];
    const gaussian = await gaussianOf(a);
    for (const [k, expected] of numbers[name].mean.entries()) {
      expect(relative(gaussian.mean[k], expected)).toBeLessThan(1e-12);
    }
    const variance = numbers[name].covariance[0];
    for (const [k, expected] of numbers[name].covariance.entries()) {
      expect(Math.abs(gaussian.covariance[k] - expected) / variance).toBeLessThan(1e-9);
    }
    expect(relative(await frechet(a, b), numbers[name].frechet)).toBeLessThan(1e-6);
  });

  test("kernel distance", async () => {
    const [a, b] = [set(`${name}.a`), set(`${name}.b`)];
    const size = Math.min(a.count, b.count);
    const { mean, deviation, subsets } = await kernelDistance(firstRows(a, size), firstRows(b, size));
    // Sums of cubes of up to 1e6 that cancel leave fewer digits.
    expect(relative(mean, numbers[name].kernel)).toBeLessThan(name === "large_mean" ? 1e-2 : 1e-6);
    expect({ deviation, subsets }).toEqual({ deviation: null, subsets: 1 });
  });

  test("precision, recall, density, coverage", async () => {
    const found = await precisionRecall(set(`${name}.a`), set(`${name}.b`));
    for (const key of ["precision", "recall", "density", "coverage"] as const) {
      expect(found[key]).toBeCloseTo(numbers[name][key], 12);
    }
  });
});

const random = (seed: number, count: number, dims: number, scale = 1) =>
  features(
    new TorchGenerator(seed).randn(count * dims).map((x, i) => x * scale * 0.8 ** (i % dims)),
    count,
    dims,
  );

test("a set is at distance 0 from itself, also where its covariance has a low rank", async () => {
  for (const [count, dims] of [
    [100, 12],
    [20, 64],
    [2, 9],
  ]) {
    const a = random(count, count, dims, 3);
    expect(Math.abs(await frechet(a, a))).toBeLessThan(1e-10);
  }
});

test("the Fréchet distance grows with noise", async () => {
  const a = random(1, 200, 16);
  const noise = random(2, 200, 16).data;
  let last = 0;
  for (const amount of [0.05, 0.1, 0.2, 0.4, 0.8]) {
    const noisy = features(
      a.data.map((x, i) => x + amount * noise[i]),
      200,
      16,
    );
    const distance = await frechet(a, noisy);
    expect(distance).toBeGreaterThan(last);
    last = distance;
  }
});

describe("the trace of the root of a product", () => {
  const diagonal = (values: number[]) =>
    Float64Array.from({ length: values.length ** 2 }, (_, i) =>
      i % (values.length + 1) === 0 ? values[i / (values.length + 1)] : 0,
    );

  test("of diagonal matrices: Σ √(ab)", async () => {
    const found = await traceOfRoot(diagonal([4, 9, 0, 1e-8]), diagonal([1, 25, 7, 1e-8]), 4);
    expect(found).toBeCloseTo(2 + 15 + 1e-8, 14);
  });

  test("of a matrix with itself: its trace; with a multiple: √factor as much", async () => {
    const { covariance } = await gaussianOf(random(3, 40, 7));
    let trace = 0;
    for (let i = 0; i < 7; i++) trace += covariance[i * 8];
    expect(await traceOfRoot(covariance, covariance, 7)).toBeCloseTo(trace, 12);
    const multiple = covariance.map((x) => 6.25 * x);
    expect(await traceOfRoot(covariance, multiple, 7)).toBeCloseTo(2.5 * trace, 12);
  });

  test("of rank 1: |aᵀb|; of nothing: 0", async () => {
    const outer = (v: number[]) => Float64Array.from(v.flatMap((x) => v.map((y) => x * y)));
    expect(await traceOfRoot(outer([1, 2, 3]), outer([4, -5, 1]), 3)).toBeCloseTo(3, 12);
    expect(await traceOfRoot(new Float64Array(9), outer([4, -5, 1]), 3)).toBe(0);
  });

  test("two by two: √(tr Σ₁Σ₂ + 2 √det Σ₁Σ₂)", async () => {
    const a = Float64Array.of(2, 0.6, 0.6, 1);
    const b = Float64Array.of(1.5, -0.7, -0.7, 3);
    const trace = a[0] * b[0] + 2 * a[1] * b[1] + a[3] * b[3];
    const determinant = (a[0] * a[3] - a[1] ** 2) * (b[0] * b[3] - b[1] ** 2);
    expect(await traceOfRoot(a, b, 2)).toBeCloseTo(Math.sqrt(trace + 2 * Math.sqrt(determinant)), 13);
  });

  test("a negative variance is refused", async () => {
    await expect(traceOfRoot(diagonal([1, -1]), diagonal([1, 1]), 2)).rejects.toThrow(MetricError);
  });
});

test("moments do not depend on how the images come", async () => {
  const a = random(5, 700, 5);
  const whole = await gaussianOf(a);
  const parts = new Moments(5);
  for (const [from, to] of [
    [0, 1],
    [1, 300],
    [300, 700],
  ]) {
    await parts.add({ data: a.data.subarray(from * 5, to * 5), count: to - from, dims: 5 });
  }
  const joined = parts.gaussian();
  for (const [k, value] of whole.covariance.entries()) expect(joined.covariance[k]).toBeCloseTo(value, 13);
  expect(joined.count).toBe(700);
});

test("subsets of larger sets: reproducible, near the whole", async () => {
  const [a, b] = [random(6, 300, 4), random(7, 260, 4, 1.3)];
  const options = { subsets: 20, subsetSize: 100, seed: 4 };
  const first = await kernelDistance(a, b, options);
  expect(await kernelDistance(a, b, options)).toEqual(first);
  expect(first).toMatchObject({ subsets: 20, subsetSize: 100 });
  const whole = await kernelDistance(firstRows(a, 260), b);
  expect(Math.abs(first.mean - whole.mean)).toBeLessThan(first.deviation ?? 0);
});

test("the nearest image, and the nearest other image of a set", async () => {
  const a = features(Float32Array.of(0, 0, 3, 4, 0, 1), 3, 2);
  const b = features(Float32Array.of(3, 3, 0, 0.5), 2, 2);
  expect(await nearest(a, b)).toEqual({
    index: Int32Array.of(1, 0, 1),
    distance: Float64Array.of(0.5, 1, 0.5),
  });
  expect((await nearest(a, a, { others: true })).index).toEqual(Int32Array.of(2, 2, 0));
});

test("what cannot be measured is refused in one line", async () => {
  expect(() => features(Float32Array.of(1, Number.NaN), 2, 1)).toThrow("features of image 1 hold NaN");
  expect(() => features(Float32Array.of(1, 2), 3, 1)).toThrow(MetricError);
  await expect(frechet(random(1, 1, 3), random(1, 9, 3))).rejects.toThrow("give at least 2");
  await expect(frechet(random(1, 9, 2), random(1, 9, 3))).rejects.toThrow("2 and of 3 dimensions");
  await expect(precisionRecall(random(1, 3, 3), random(1, 9, 3))).rejects.toThrow("give at least 4");
});

test("work can be stopped", async () => {
  const abort = new AbortController();
  abort.abort(new Error("stopped"));
  const slow = random(1, 600, 400);
  await expect(gaussianOf(slow, { signal: abort.signal })).rejects.toThrow("stopped");
});
