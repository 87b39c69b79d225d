import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { synthetic } from "../../src/data/index.ts";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import { FeatureExtractor } from "../../src/metrics/extractor.ts";
import type { Features } from "../../src/metrics/features.ts";
import { frechetDistance } from "../../src/metrics/frechet_distance.ts";
import { kernelDistance } from "../../src/metrics/kernel_distance.ts";
import { type Gaussian, gaussianOf } from "../../src/metrics/moments.ts";
import { patchNetwork, patchSideOf } from "../../src/metrics/patch_network.ts";
import { relativeError } from "../support/compare.ts";

const SIZE = 32;
const COUNT = 40;
const source = synthetic({ size: SIZE });
const image = (i: number): Pixels => ({ data: source.image(i), width: SIZE, height: SIZE, channels: 3 });

let backend: Backend;
let extractor: FeatureExtractor;
let real: Features;
let gaussian: Gaussian;
beforeAll(async () => {
  backend = await createBackend();
  extractor = new FeatureExtractor(patchNetwork(), backend, 20);
  real = await extractor.extract(COUNT, image);
  gaussian = await gaussianOf(real);
});
afterAll(() => backend.close());

const changed = (change: (pixels: Uint8Array) => ArrayLike<number>) => (i: number) => ({
  ...image(i),
  data: Uint8Array.from(new Uint8ClampedArray(change(image(i).data))),
});

async function distances(of: (i: number) => Pixels): Promise<[frechet: number, kernel: number]> {
  const found = await extractor.extract(COUNT, of);
  const { mean } = await kernelDistance(real, found);
  return [await frechetDistance(gaussian, await gaussianOf(found)), mean];
}

async function expectToGrow(variants: readonly ((i: number) => Pixels)[]): Promise<void> {
  let [lastFrechet, lastKernel] = [0, Number.NEGATIVE_INFINITY];
  for (const variant of variants) {
    const [frechet, kernel] = await distances(variant);
    expect(frechet).toBeGreaterThan(lastFrechet);
    expect(kernel).toBeGreaterThan(lastKernel);
    [lastFrechet, lastKernel] = [frechet, kernel];
  }
}

describe("distances in the embedded features", () => {
  test("are 0 for the same images", async () => {
    expect(Math.abs(await frechetDistance(gaussian, gaussian))).toBeLessThan(1e-6);
  });

  test("grow with Gaussian noise", async () => {
    const noise = new TorchGenerator(0).randn(SIZE * SIZE * 3);
    await expectToGrow(
      [2, 4, 8, 16, 32].map((amount) =>
        changed((pixels) => Float32Array.from(pixels, (x, k) => x + amount * noise[k])),
      ),
    );
  });

  test("grow as images lose their detail", async () => {
    await expectToGrow(
      [2, 4, 8, 16].map((cell) =>
        changed((pixels) =>
          pixels.map((_, k) => {
            const [y, x] = [Math.floor(k / 3 / SIZE), Math.floor(k / 3) % SIZE];
            return pixels[((y - (y % cell)) * SIZE + x - (x % cell)) * 3 + (k % 3)];
          }),
        ),
      ),
    );
  });

  test("grow as colours fade", async () => {
    await expectToGrow(
      [0.9, 0.7, 0.4, 0].map((share) =>
        changed((pixels) =>
          pixels.map((value, k) => {
            const at = k - (k % 3);
            return share * value + ((1 - share) * (pixels[at] + pixels[at + 1] + pixels[at + 2])) / 3;
          }),
        ),
      ),
    );
  });
});

test("512 features, the same in any batch and on the reference backend", async () => {
  expect(real.dims).toBe(512);
  const few = new FeatureExtractor(patchNetwork(), backend, 3);
  expect((await few.extract(4, image)).data).toEqual(real.data.subarray(0, 4 * 512));
  few.close();
  const reference = await createBackend({ backend: "reference" });
  const judge = new FeatureExtractor(patchNetwork(), reference, 1);
  const expected = await judge.extract(1, image);
  expect(relativeError(real.data.subarray(0, 512), expected.data)).toBeLessThan(1e-5);
  await reference.close();
});

test("larger images are compared with all their detail, in features of another name", async () => {
  const sizes = [31, 64, 127, 128, 200, 256, 1024].map((side) => patchSideOf({ height: 1, width: side }));
  expect(sizes).toEqual([64, 64, 64, 128, 128, 256, 256]);
  const names = ([64, 128, 256] as const)
    .map((side) => patchNetwork(side))
    .map(({ name, dims }) => [name, dims]);
  expect(names).toEqual([
    ["imago-patch-1", 512],
    ["imago-patch-1-128px", 640],
    ["imago-patch-1-256px", 768],
  ]);
  const large = synthetic({ size: 128 });
  const whole = (i: number): Pixels => ({ data: large.image(i), width: 128, height: 128, channels: 3 });
  const extractor = new FeatureExtractor(patchNetwork(128), backend, 2);
  const found = await extractor.extract(3, whole);
  expect(found.dims).toBe(640);
  // Grain of single pixels is seen here; at half the size its mean is 0.
  const grain = (i: number) => ({
    ...whole(i),
    data: whole(i).data.map((x, k) => x + (((k / 3) | 0) % 2 === 0 ? -8 : 8) * (x > 8 && x < 248 ? 1 : 0)),
  });
  const change = async (network: FeatureExtractor) =>
    relativeError((await network.extract(3, grain)).data, (await network.extract(3, whole)).data);
  const half = new FeatureExtractor(patchNetwork(), backend, 2);
  expect(await change(extractor)).toBeGreaterThan(3 * (await change(half)));
  extractor.close();
  half.close();
});

test("the features of this edition do not change unnoticed", () => {
  const sum = (from: number, to: number) =>
    Float64Array.from(real.data.subarray(from, to)).reduce((a, b) => a + b, 0);
  expect(
    [sum(0, 48), sum(48, 256), sum(256, 512)].map((x) => Number(x.toPrecision(4))),
  ).toMatchInlineSnapshot(`
    [
      5.934,
      181,
      185.8,
    ]
  `);
});
