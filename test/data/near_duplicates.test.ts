// Near-duplicates: copies are found, other pictures are not.
import sharp from "sharp";
import { expect, it } from "vitest";
import { type ImageSource, nearDuplicates, openImages, synthetic } from "../../src/data/index.ts";
import { workFolder } from "./support.ts";

const work = workFolder();

it("finds copies that were saved anew or made lighter, and no others", async () => {
  const drawn = synthetic({ size: 96, count: 12 });
  for (let i = 0; i < drawn.count; i++) {
    const image = () => sharp(drawn.image(i), { raw: { width: 96, height: 96, channels: 3 } });
    const name = String(i).padStart(2, "0");
    await work.put(`${name}.a.png`, await image().png().toBuffer());
    await work.put(`${name}.b.jpg`, await image().jpeg({ quality: 60 }).toBuffer());
    await work.put(
      `${name}.c.jpg`,
      await image().modulate({ brightness: 1.03 }).jpeg({ quality: 90 }).toBuffer(),
    );
  }
  const images = await openImages(work.path(), { size: 32 });
  const { pairs, isComplete } = await nearDuplicates(images);
  const expected = Array.from({ length: 12 }, (_, i) => [
    3 * i,
    3 * i + 1,
    3 * i,
    3 * i + 2,
    3 * i + 1,
    3 * i + 2,
  ]);
  expect(pairs.flatMap(({ first, second }) => [first, second])).toEqual(expected.flat());
  expect(isComplete).toBe(true);
});

/** Plain images, [4, 4, channels], of the given values. */
function plain(values: readonly number[], channels: 1 | 3 = 3): ImageSource {
  return {
    name: "plain",
    count: values.length,
    size: { height: 4, width: 4 },
    channels,
    flip: false,
    image: (index) => new Uint8Array(16 * channels).fill(values[index] ?? 0),
    fingerprint: () => "",
  };
}

it("tells plain images by their colour", async () => {
  for (const channels of [1, 3] as const) {
    const { pairs } = await nearDuplicates(plain([10, 200, 14, 100], channels));
    expect(pairs).toEqual([{ first: 0, second: 2, distance: 0 }]);
  }
});

it("stops where there is no end of them", async () => {
  const { pairs, isComplete } = await nearDuplicates(plain(new Array(200).fill(7)));
  expect([pairs.length, isComplete]).toEqual([10_000, false]);
});

it("lets others run, tells how far it is, and is stopped", async () => {
  const stop = new AbortController();
  const shares: number[] = [];
  const images = plain(new Array(3000).fill(0).map((_, i) => i % 251));
  let ran = 0;
  const others = setInterval(() => ran++, 1);
  const reason = new Error("enough");
  const slow: ImageSource = {
    ...images,
    image(index) {
      const until = performance.now() + 1;
      while (performance.now() < until);
      return images.image(index);
    },
  };
  const found = nearDuplicates(slow, {
    signal: stop.signal,
    onProgress(share) {
      shares.push(share);
      if (shares.length === 3) stop.abort(reason);
    },
  });
  await expect(found).rejects.toBe(reason);
  clearInterval(others);
  expect(ran).toBeGreaterThan(0);
  expect(shares).toHaveLength(3);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
});
