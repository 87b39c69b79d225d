import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { FeatureExtractor } from "../../src/metrics/extractor.ts";
import { InceptionV3 } from "../../src/metrics/inception/inception_v3.ts";
import { FID_PROTOCOLS, inceptionNetwork } from "../../src/metrics/inception/network.ts";
import { readInception } from "../../src/metrics/inception/weights.ts";
import { relativeError } from "../support/compare.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readGolden } from "../support/golden.ts";
import type { GoldenTensors } from "../support/golden_tensors.ts";

const FILE = "metrics/inception.safetensors";
const SIZES = [
  [32, 32],
  [20, 45],
  [299, 299],
  [310, 400],
] as const;

/** As in tools/python/inception_goldens.py. */
function image(height: number, width: number) {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const [row, column, channel] = [Math.floor(i / (width * 3)), Math.floor(i / 3) % width, i % 3];
    const waves = Math.floor(127.5 + 80 * Math.sin(row / 5 + channel) * Math.cos(column / 7));
    return waves + ((row * 37 + column * 11 + channel * 53) % 40);
  });
  return { data, height, width, channels: 3 as const };
}

let backend: Backend;
let golden: GoldenTensors;
beforeAll(async () => {
  backend = await createBackend();
  golden = await readGolden(FILE);
});
afterAll(() => backend.close());

describe.each(FID_PROTOCOLS)("features as %s computes them", (protocol) => {
  test("of images below, at and above the network's size", async () => {
    const model = await readInception(fixture(FILE), 16);
    const extractor = new FeatureExtractor(inceptionNetwork(model, protocol, "random"), backend, 2);
    const found = await extractor.extract(SIZES.length, (i) => image(SIZES[i][0], SIZES[i][1]));
    for (const [i, [height, width]] of SIZES.entries()) {
      const row = found.data.subarray(i * found.dims, (i + 1) * found.dims);
      const expected = golden.floats(`features.${protocol}.${height}x${width}`);
      expect(relativeError(row, expected)).toBeLessThan(1e-4);
    }
    extractor.close();
  });
});

test("the whole network: 2048 features of 21.8 million parameters", () => {
  const network = new InceptionV3();
  expect(network.dims).toBe(2048);
  expect(network.parameterCount).toBe(21_785_568 - 17_216);
});

describe("files that are not the network", () => {
  const folder = testFolder();

  test.each(["weights.pth", "weights.pt"])("%s: how to convert it", async (name) => {
    await expect(readInception(folder(name))).rejects.toThrow(
      /PyTorch's own files are not read; make a safetensors file of it: python -c/,
    );
  });

  test("another model, another width, no file", async () => {
    const other = folder("other.safetensors");
    await writeSafetensors(
      other,
      new Map([["a.conv.weight", { shape: [1, 1, 1, 1], data: new Float32Array(1) }]]),
    );
    await expect(readInception(other)).rejects.toThrow(
      "other.safetensors: a.bn.weight is missing or of another size; expected the Inception network of FID",
    );
    await expect(readInception(fixture(FILE))).rejects.toThrow("wrong shape Conv2d_1a_3x3.conv.weight");
    await expect(readInception(folder("none.safetensors"))).rejects.toThrow("no such file");
    await writeFile(folder("text.safetensors"), "not weights");
    await expect(readInception(folder("text.safetensors"))).rejects.toThrow("text.safetensors");
  });
});
