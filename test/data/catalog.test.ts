// Data sets to look through: what they are made of, pictures of some of their images, and how they come to be.

import sharp from "sharp";
import { expect, test } from "vitest";
import { CatalogReading, DataError, ImageCatalog, openImages, synthetic } from "../../src/data/index.ts";
import { workFolder } from "./support.ts";

const work = workFolder();

async function mixed(): Promise<string> {
  const sizes = [
    ["ants/a.png", 8, 8],
    ["ants/b.png", 8, 8],
    ["bees/c.jpg", 20, 10],
  ] as const;
  for (const [name, width, height] of sizes) {
    const create = { width, height, channels: 3, background: "red" } as const;
    const image = sharp({ create });
    await work.put(name, await (name.endsWith("png") ? image.png() : image.jpeg()).toBuffer());
  }
  await work.put("bees/broken.png", Buffer.from("no image"));
  return work.path();
}

test("a catalog says what the images are, of which class, and which files are broken", async () => {
  const images = await openImages(await mixed(), { size: 4, onBroken: "skip" });
  const catalog = new ImageCatalog(images);
  expect(catalog.summary()).toMatchObject({
    ...{ count: 3, size: { width: 4, height: 4 }, channels: 3 },
    labels: {
      classes: 2,
      listed: [
        { label: 0, name: "ants", count: 2 },
        { label: 1, name: "bees", count: 1 },
      ],
    },
    originals: {
      ...{ smallest: [8, 8], largest: [20, 10], usual: { size: [8, 8], count: 2 } },
      kinds: { "png, 3 channels": 2, "jpeg, 3 channels": 1 },
    },
    broken: { files: 1, listed: [{ file: "bees/broken.png", problem: "not an image" }] },
  });
  expect(catalog.indices(1, 5)).toEqual([1, 2]);
  expect(catalog.indices(0, 5, 1)).toEqual([2]);
  expect(catalog.indices(1, 5, 0)).toEqual([1]);
  expect(catalog.indices(9, 5, 7)).toEqual([]);
  expect(catalog.entry(2)).toEqual({
    ...{ index: 2, name: "bees/c.jpg", label: "bees" },
    original: { width: 20, height: 10, kind: "jpeg, 3 channels" },
  });
  for (const index of [-1, 3, 0.5]) expect(() => catalog.entry(index)).toThrow(/there is no image/);
});

test("pictures lie below each other, as they are or scaled down", async () => {
  const images = synthetic({ size: { width: 32, height: 16 }, count: 3 });
  const catalog = new ImageCatalog(images);
  const whole = await catalog.pictures([2, 0]);
  expect([whole.width, whole.height, whole.channels]).toEqual([32, 32, 3]);
  expect(whole.data.subarray(0, 32 * 16 * 3)).toEqual(images.image(2));
  const small = await catalog.pictures([2, 0, 1], 8);
  expect([small.width, small.height]).toEqual([8, 12]);
  expect(catalog.entry(1)).toMatchObject({ name: "image 1", original: null });
  const stop = AbortSignal.abort(new Error("enough"));
  await expect(catalog.pictures([0], 8, { signal: stop })).rejects.toThrow("enough");
});

test("a reading is followed to its end, and tells what went wrong", async () => {
  const reading = new CatalogReading(async (tell) => {
    tell({ text: "drawing", share: 0.5 });
    return synthetic({ size: 8, count: 30 });
  });
  expect(() => reading.catalog).toThrow(DataError);
  await expect.poll(() => reading.status.isSearched).toBe(true);
  expect(reading.status).toMatchObject({ stage: null, isRead: true, problem: undefined });
  expect([reading.catalog.count, reading.near?.isComplete]).toEqual([30, true]);
  const failing = new CatalogReading(() => openImages(work.path("nowhere"), { size: 8 }));
  await expect.poll(() => failing.status.problem).toBeInstanceOf(DataError);
  expect(failing.status.isRead).toBe(false);
});

test("a reading that is closed ends its work and lets go of the images", async () => {
  let isClosed = false;
  const close = (): void => {
    isClosed = true;
  };
  const images = { ...synthetic({ size: 8, count: 5000 }), close };
  const reading = new CatalogReading(async () => images);
  await expect.poll(() => reading.status.isRead).toBe(true);
  reading.close();
  expect([isClosed, reading.status.stage]).toEqual([true, null]);
  expect(() => reading.catalog).toThrow(DataError);
  await expect.poll(() => reading.cooperation.signal?.aborted).toBe(true);
  expect(reading.status).toMatchObject({ isSearched: false, problem: undefined });
});
