// Arrays of NumPy as sources of images: every layout, type and order, and what is no array of images.

import { stat, truncate } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type LocalImages, type OpenImagesOptions, openImages } from "../../src/data/index.ts";
import { float32ToHalf } from "../../src/engine/half.ts";
import { type NpyParts, npy, packed } from "../io/npy_writer.ts";
import { zip } from "../io/zip_writer.ts";
import { workFolder } from "./support.ts";

const work = workFolder();

const [COUNT, SIZE] = [3, 5];
/** Element [image, y, x, channel] of the images below. */
const level = (n: number, y: number, x: number, c: number): number =>
  (n * 83 + y * 31 + x * 11 + c * 57) % 256;

/** All elements in an order of the axes N, H, W, C, the first varying slowest. */
function levels(order: readonly number[], channels: number, count = COUNT): number[] {
  const sizes = [count, SIZE, SIZE, channels];
  const found: number[] = [];
  const walk = (index: number[], depth: number): void => {
    if (depth === order.length) {
      const [n = 0, y = 0, x = 0, c = 0] = index;
      found.push(level(n, y, x, c));
      return;
    }
    const axis = order[depth] ?? 0;
    for (let i = 0; i < (sizes[axis] ?? 0); i++) {
      index[axis] = i;
      walk(index, depth + 1);
    }
  };
  walk([0, 0, 0, 0], 0);
  return found;
}
const NHWC = [0, 1, 2, 3];
const bytes = Uint8Array.from(levels(NHWC, 3));
const SHAPE = [COUNT, SIZE, SIZE, 3];

const open = (name: string, options: Partial<OpenImagesOptions> = {}): Promise<LocalImages> =>
  openImages(work.path(name), { size: SIZE, ...options });

async function putNpy(parts: Partial<NpyParts>, name = "a.npy"): Promise<LocalImages> {
  await work.put(name, npy({ shape: SHAPE, body: bytes, ...parts }));
  return open(name);
}

const pixels = (images: LocalImages): number[] =>
  Array.from({ length: images.count }, (_, i) => [...images.image(i)]).flat();

async function refusal(opening: Promise<unknown>): Promise<string> {
  const error = await opening.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  const message = error instanceof Error ? error.message : String(error);
  expect(message).not.toContain("\n");
  return message.replace(work.path(), "").replace(/^\//, "");
}
const refused = (parts: Partial<NpyParts>): Promise<string> => refusal(putNpy(parts));

describe(".npy", () => {
  it("has images with channels last or first, in C or Fortran order, in every version of the format", async () => {
    const expected = [...bytes];
    const images = await putNpy({});
    expect(pixels(images)).toEqual(expected);
    expect([images.fileOf(2), images.originals.kinds[2]]).toEqual(["a.npy:2", "npy, 3 channels"]);
    const first = Uint8Array.from(levels([0, 3, 1, 2], 3));
    const reversed = Uint8Array.from(levels([3, 2, 1, 0], 3));
    const firstReversed = Uint8Array.from(levels([2, 1, 3, 0], 3));
    const others: Partial<NpyParts>[] = [
      { version: 2 },
      { version: 3 },
      { shape: [COUNT, 3, SIZE, SIZE], body: first },
      { fortran: true, body: reversed },
      { fortran: true, shape: [COUNT, 3, SIZE, SIZE], body: firstReversed },
    ];
    for (const parts of others) {
      const other = await putNpy(parts);
      expect(pixels(other)).toEqual(expected);
      expect([other.fingerprint(), other.warnings]).toEqual([images.fingerprint(), []]);
    }
  });

  it("has numbers of every type and byte order", async () => {
    const values = [...bytes];
    const units = values.map((value) => value / 255);
    const signed = values.map((value) => value / 127.5 - 1);
    const half = float32ToHalf(Float32Array.from(units));
    const cases: [descr: string, body: Uint8Array][] = [
      ["<u2", packed(values, 2, (b, v, at) => b.writeUInt16LE(v, at))],
      [">u2", packed(values, 2, (b, v, at) => b.writeUInt16BE(v, at))],
      [">i4", packed(values, 4, (b, v, at) => b.writeInt32BE(v, at))],
      ["<i8", packed(values, 8, (b, v, at) => b.writeBigInt64LE(BigInt(v), at))],
      [">u8", packed(values, 8, (b, v, at) => b.writeBigUInt64BE(BigInt(v), at))],
      ["<f2", Buffer.from(half.buffer)],
      ["<f4", packed(values, 4, (b, v, at) => b.writeFloatLE(v, at))],
      [">f4", packed(units, 4, (b, v, at) => b.writeFloatBE(v, at))],
      ["<f8", packed(signed, 8, (b, v, at) => b.writeDoubleLE(v, at))],
      [">f8", packed(units, 8, (b, v, at) => b.writeDoubleBE(v, at))],
    ];
    const plain = (await putNpy({})).fingerprint();
    for (const [descr, body] of cases) {
      const images = await putNpy({ descr, body });
      expect({ descr, pixels: pixels(images) }).toEqual({ descr, pixels: values });
      expect(images.fingerprint()).toBe(plain);
    }
    const low = values.map((value) => value % 128);
    expect(pixels(await putNpy({ descr: "|i1", body: Uint8Array.from(low) }))).toEqual(low);
    const truths = Uint8Array.from(values, (value) => value % 2);
    expect(pixels(await putNpy({ descr: "|b1", body: truths }))).toEqual([...truths].map((v) => v * 255));
  });

  it("may be gray, or have transparency, which is put on white", async () => {
    const gray = levels(NHWC, 1);
    const expected = gray.flatMap((value) => [value, value, value]);
    for (const shape of [
      [COUNT, SIZE, SIZE],
      [COUNT, SIZE, SIZE, 1],
      [COUNT, 1, SIZE, SIZE],
    ]) {
      const images = await putNpy({ shape, body: Uint8Array.from(gray) });
      expect(pixels(images)).toEqual(expected);
      expect(images.originals.kinds[0]).toBe("npy, 1 channel");
    }
    const clear = await putNpy({ shape: [1, 1, 2, 4], body: Uint8Array.from([9, 8, 7, 255, 9, 8, 7, 0]) });
    expect(clear.originals.kinds[0]).toBe("npy, 4 channels");
    expect([...clear.image(0).subarray(0, 3)]).not.toEqual([...clear.image(0).subarray(9, 12)]);
    const one = await putNpy({ shape: [1, 1, 1, 4], body: Uint8Array.from([100, 0, 255, 51]) });
    expect([...one.image(0).subarray(0, 3)]).toEqual([224, 204, 255]);
  });

  it("with channels on either axis is read with the last as channels, and says so", async () => {
    const images = await putNpy({ shape: [2, 3, 5, 4], body: new Uint8Array(120) });
    expect([images.originals.widths[0], images.originals.heights[0]]).toEqual([5, 3]);
    expect(images.warnings).toEqual([
      expect.stringMatching(/a\.npy: of its shape \[2, 3, 5, 4\], the last axis is read as the channels/),
    ]);
  });

  it("is decided by the range of all values, and refused where none fits", async () => {
    const floats = (...values: number[]) => ({
      descr: "<f4",
      shape: [values.length, 1, 2],
      body: packed(
        values.flatMap((value) => [value, value]),
        4,
        (b, v, at) => b.writeFloatLE(v, at),
      ),
    });
    const firsts = async (...values: number[]) => {
      const images = await putNpy(floats(...values));
      return [images.image(0)[0], images.image(1)[0]];
    };
    expect(await firsts(1, 0)).toEqual([255, 0]);
    expect(await firsts(1, -1)).toEqual([255, 0]);
    expect(await firsts(1, 200)).toEqual([1, 200]);
    expect(await firsts(1.0001, -0.0001)).toEqual([255, 0]);
    const expected =
      /^a\.npy: its values go from (\S+) to (\S+), where 0 to 1, -1 to 1 or 0 to 255 is expected; scale/;
    for (const [least, most] of [
      [-2, 3],
      [0, 1.5],
      [-1, 255],
      [0, 256],
      [0, 65535],
    ]) {
      expect((expected.exec(await refused(floats(least, most))) ?? []).slice(1).map(Number)).toEqual([
        least,
        most,
      ]);
    }
    expect(
      await refused({ descr: "<i2", shape: [1, 1, 2], body: Uint8Array.from([255, 255, 5, 0]) }),
    ).toMatch(/its values go from -1 to 5, where 0 to 255 is expected/);
  });

  it("counts an image with values that are not finite as a broken file", async () => {
    const values = levels(NHWC, 3).map((value) => value / 255);
    values[SIZE * SIZE * 3 + 5] = NaN;
    values[values.length - 1] = Infinity;
    const body = packed(values, 4, (b, v, at) => b.writeFloatLE(v, at));
    expect(await refused({ descr: "<f4", body })).toMatch(
      /2 of 3 files cannot be read as images: "a\.npy:1" \(some of its values are NaN or infinite\)/,
    );
    const images = await open("a.npy", { onBroken: "skip" });
    expect([images.count, images.fileOf(0)]).toEqual([1, "a.npy:0"]);
  });

  it("is refused where it is no array of images", async () => {
    const of = (shape: number[]) =>
      refused({ shape, body: new Uint8Array(shape.reduce((a, b) => a * b, 1)) });
    expect(await of([4, 48])).toMatch(/its shape \[4, 48\] is not that of images; give \[N, H, W, C\]/);
    expect(await of([4, 5, 3])).toMatch(
      /\[4, 5, 3\] is not that of images, but of one image; .* such as array\[None\]/,
    );
    expect(await of([2, 5, 6, 7])).toMatch(/give \[N, H, W, C\]/);
    expect(await of([0, 5, 6, 3])).toMatch(/it is empty/);
    expect(await of([])).toMatch(/its shape \[\] is not that of images/);
    expect(await of([2, 2, 2, 2, 3])).toMatch(/is not that of images/);
    expect(await refused({ descr: "|O" })).toMatch(/are Python objects, which can run code and are not read/);
    expect(await refused({ descr: "<U5" })).toMatch(/of the type "<U5"; give whole numbers, floats or bool/);
    expect(
      await refused({ header: "{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (3,)}" }),
    ).toMatch(/of the type "fields"/);
    await putNpy({});
    expect(await refusal(open("a.npy", { labelColumn: "y" }))).toMatch(/without labels; save .* as a \.npz/);
    expect(await refusal(open("a.npy", { imageColumn: "x" }))).toMatch(/no columns of images/);
    expect(await refusal(open("a.npy", { split: "test" }))).toMatch(/no splits such as "test"/);
  });

  it("in Fortran order is refused above 512 MiB, which would be kept in memory", async () => {
    const shape = [2, 3, 2 ** 13, 2 ** 14];
    await work.put("a.npy", npy({ shape, fortran: true, body: new Uint8Array(0) }));
    const { size } = await stat(work.path("a.npy"));
    // Holes take no space on the disk.
    await truncate(work.path("a.npy"), size + 6 * 2 ** 27);
    expect(await refusal(open("a.npy"))).toMatch(
      /its 805 MB are in Fortran order, of which 537 MB are read; save numpy\.ascontiguousarray/,
    );
  });

  it("is refused where it is damaged", async () => {
    expect(await refused({ body: bytes.subarray(1) })).toMatch(/cut short: 224 bytes .* needs 225/);
    expect(await refused({ body: Buffer.concat([bytes, bytes]) })).toMatch(/450 bytes .* needs 225 only/);
    const headers = [
      "{'descr': '|u1', 'fortran_order': False}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (3, -4)}",
      "{'descr': '|u1', 'fortran_order': 'no', 'shape': (3,)}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (3,)} + exit()",
      "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'more': 1}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999999, 9999999999999999, 3)}",
    ];
    for (const header of headers) expect(await refused({ header })).toMatch(/its header is damaged/);
    await work.put("a.npy", npy({ shape: SHAPE, body: bytes }).subarray(0, 40));
    expect(await refusal(open("a.npy"))).toMatch(/damaged or cut short/);
    await work.put("a.npy", "x = 3\nand more text");
    expect(await refusal(open("a.npy"))).toMatch(/this is text .* where a NumPy array was expected/);
    const long = npy({ shape: SHAPE, body: bytes, version: 2 });
    long.writeUInt32LE(2 ** 31, 8);
    await work.put("a.npy", long);
    expect(await refusal(open("a.npy"))).toMatch(/its header has 2147483648 bytes; 65536 are read/);
  });
});

it("an array goes through the disk cache, by its name and time, and labels with it", async () => {
  const content = npy({ shape: SHAPE, body: bytes });
  const classes = npy({ shape: [COUNT], body: Uint8Array.from([1, 0, 1]) });
  await work.put(
    "a.npz",
    zip(
      Object.entries({ x: content, y: classes }).map(([name, file]) => ({
        name: `${name}.npy`,
        content: file,
      })),
    ),
  );
  const cacheFolder = work.path("cache");
  const kept = await open("a.npz", { memoryLimit: 0, cacheFolder });
  const again = await open("a.npz", { memoryLimit: 0, cacheFolder });
  expect([kept.cache?.isNew, again.cache?.isNew]).toEqual([true, false]);
  expect(pixels(again)).toEqual([...bytes]);
  expect([...(again.labels?.of ?? [])]).toEqual([1, 0, 1]);
  expect(again.fingerprint()).toBe((await open("a.npz")).fingerprint());
  await work.put(
    "a.npz",
    zip([{ name: "x.npy", content: npy({ shape: SHAPE, body: bytes.map((value) => 255 - value) }) }]),
  );
  const changed = await open("a.npz", { memoryLimit: 0, cacheFolder });
  expect([changed.cache?.isNew, changed.warnings[0]]).toEqual([
    true,
    expect.stringMatching(/made anew: the images, or/),
  ]);
  for (const images of [kept, again, changed]) images.close();
});

describe(".npz", () => {
  const int64 = (...values: number[]) => packed(values, 8, (b, v, at) => b.writeBigInt64LE(BigInt(v), at));
  const images = { name: "images.npy", content: npy({ shape: SHAPE, body: bytes }) };
  const labels = { name: "labels.npy", content: npy({ descr: "<i8", shape: [3], body: int64(10, 2, 10) }) };
  const classes = ({ labels: found }: LocalImages) => found && Array.from(found.of, (of) => found.names[of]);

  it("has images and labels, stored or deflated", async () => {
    for (const stored of [true, false]) {
      await work.put("a.npz", zip([labels, images].map((entry) => ({ ...entry, stored }))));
      const found = await open("a.npz");
      expect(pixels(found)).toEqual([...bytes]);
      expect([found.labels?.names, classes(found)]).toEqual([
        ["2", "10"],
        ["10", "2", "10"],
      ]);
      expect([found.fileOf(1), found.originals.kinds[0]]).toEqual(["images:1", "npz, 3 channels"]);
    }
  });

  it("has one array of images, or one that is chosen", async () => {
    const train = { name: "x_train.npy", content: images.content };
    const test = { name: "x_test.npy", content: npy({ shape: [1, 5, 5], body: new Uint8Array(25) }) };
    await work.put("a.npz", zip([train, test, labels]));
    expect(await refusal(open("a.npz"))).toMatch(
      /several arrays could be the images; arrays: x_train \(uint8 \[3, 5, 5, 3\]\), x_test \(uint8 \[1, 5, 5\]\), labels \(int64 \[3\]\); choose one with imageColumn \(--image-column\)$/,
    );
    const chosen = await open("a.npz", { imageColumn: "x_train", labelColumn: "labels" });
    expect(classes(chosen)).toEqual(["10", "2", "10"]);
    expect(await refusal(open("a.npz", { imageColumn: "x" }))).toMatch(
      /there is no array "x"; arrays: x_train/,
    );
    expect(await refusal(open("a.npz", { imageColumn: "labels" }))).toMatch(
      /labels: its shape \[3\] is not that/,
    );
    await work.put("b.npz", zip([labels]));
    expect(await refusal(open("b.npz"))).toMatch(/no array of images .*; arrays: labels \(int64 \[3\]\)/);
    await work.put("c.npz", zip([{ name: "a.txt", content: "" }]));
    expect(await refusal(open("c.npz"))).toMatch(/no arrays in this archive/);
  });

  it("is read without labels that do not fit, unless they were chosen", async () => {
    const wrong: [NpyParts, RegExp][] = [
      [
        { descr: "<i8", shape: [2], body: int64(1, 2) },
        /labels are not the labels of 3 images: their shape is \[2\]/,
      ],
      [{ descr: "<f4", shape: [3], body: new Uint8Array(12) }, /they are floats/],
      [{ descr: "<U1", shape: [3], body: new Uint8Array(12) }, /of the type "<U1"/],
    ];
    for (const [parts, problem] of wrong) {
      await work.put("a.npz", zip([images, { name: "labels.npy", content: npy(parts) }]));
      const found = await open("a.npz");
      expect([found.labels, found.warnings]).toEqual([undefined, [expect.stringMatching(problem)]]);
      expect(await refusal(open("a.npz", { labelColumn: "labels" }))).toMatch(problem);
    }
  });

  it("is refused where it is damaged, also in an array that is stored", async () => {
    for (const stored of [true, false]) {
      await work.put("a.npz", zip([{ ...images, stored, says: { crc32: 7 } }]));
      expect(await refusal(open("a.npz"))).toMatch(/images: damaged in the archive/);
    }
    await work.put("a.npz", zip([{ ...images, stored: false, says: { bytes: 2 ** 30 } }]));
    expect(await refusal(open("a.npz"))).toMatch(
      /would unpack to 1073741824 bytes, where 536870912 are allowed; save such arrays without compression/,
    );
  });
});
