// Tiles of products: chosen by what they should take, measured on a device.

import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import {
  cutOf,
  GPU_TILES,
  TILES,
  USUAL_SPEEDS,
} from "../../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { Pipelines } from "../../src/engine/backends/webgpu/pipelines.ts";
import { keptSpeeds, measureTiles } from "../../src/engine/backends/webgpu/tile_trial.ts";
import { testFolder } from "../support/folder.ts";
import { describeOnGpu } from "../support/gpu.ts";

const cut = (m: number, n: number, k: number, wholeSum = false) =>
  cutOf({ m, n, k, batch: 1 }, USUAL_SPEEDS, wholeSum);

describe("the cut of a product", () => {
  test("large products take the fastest tile, whole", () => {
    expect(cut(8192, 1024, 1024)).toEqual({ tile: TILES.large, parts: 1 });
  });

  test("few results of long sums are cut into parts, unless they must not be", () => {
    const { parts } = cut(64, 64, 2 ** 20);
    expect(parts).toBeGreaterThan(1);
    expect(cut(64, 64, 2 ** 20, true).parts).toBe(1);
  });

  test("narrow products take a narrow tile, small ones a small tile", () => {
    expect(cut(2 ** 18, 16, 576).tile).toEqual(TILES.narrow);
    expect(cut(16, 16, 256).tile).not.toEqual(TILES.large);
  });

  test("a device's own tile is taken, however slow", () => {
    const speeds = { direct: { together: 1, alone: 1 } };
    expect(cutOf({ m: 100, n: 100, k: 100, batch: 3 }, speeds, true)).toEqual({
      tile: TILES.direct,
      parts: 1,
    });
  });
});

describe("the file of what was measured", () => {
  const path = testFolder();
  const one = { together: 2, alone: 1 };
  const tiles = { large: one, middle: one, small: one, narrow: one, tiny: one };
  const speeds = { tiles, bytesPerSecond: 5 };
  const written = { tiles, bytes_per_second: 5 };
  const measured = vi.fn(async () => speeds);
  const kept = (name: string, device: string) => keptSpeeds(path(name), device, measured);
  beforeEach(() => measured.mockClear());

  test("a device is measured once, and others beside it", async () => {
    expect(await kept("new/tiles.json", "a")).toEqual(speeds);
    expect(await kept("new/tiles.json", "a")).toEqual(speeds);
    expect(measured).toHaveBeenCalledTimes(1);
    await kept("new/tiles.json", "b");
    expect(measured).toHaveBeenCalledTimes(2);
    expect(JSON.parse(await readFile(path("new/tiles.json"), "utf8"))).toEqual({ a: written, b: written });
  });

  test.each([
    ["cut off", '{"a": {"large"'],
    [
      "of other numbers",
      JSON.stringify({ a: { ...written, tiles: { ...tiles, tiny: { together: -1, alone: 1 } } } }),
    ],
    ["of another form", JSON.stringify({ a: tiles })],
    ["no object", "[]"],
  ])("a file that is %s is measured and written anew", async (name, content) => {
    const file = `${name}.json`;
    await writeFile(path(file), content);
    expect(await kept(file, "a")).toEqual(speeds);
    expect(JSON.parse(await readFile(path(file), "utf8"))).toEqual({ a: written });
  });

  test("where nothing can be written, it is measured each time", async () => {
    await writeFile(path("a-file"), "");
    expect(await kept("a-file/tiles.json", "a")).toEqual(speeds);
    expect(await kept("a-file/tiles.json", "a")).toEqual(speeds);
    expect(measured).toHaveBeenCalledTimes(2);
  });
});

describeOnGpu("the measurement of tiles", () => {
  let device: Device;
  beforeEach(async () => {
    device = await Device.open(await findGpu());
  });
  afterEach(() => device.close());

  test("gives every tile a speed, alone and together, and leaves no memory behind", async () => {
    const speeds = await measureTiles(device, new Pipelines(device), { many: 2, summed: 32, long: 64 });
    expect(Object.keys(speeds)).toEqual([...GPU_TILES]);
    for (const { together, alone } of Object.values(speeds)) expect(together > 0 && alone > 0).toBe(true);
    expect(device.usedBytes).toBe(0);
  }, 300_000);
});
