// Animated files: what is in them is what was given, frame by frame.

import { crc32 } from "node:zlib";
import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage, encodeAnimation, type Pixels, writeAnimation } from "../../src/io/image/index.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();
const WIDTH = 12;
const HEIGHT = 7;

/** A frame of few colours, which GIF keeps too. */
const frame = (n: number): Pixels => ({
  data: Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (Math.floor(i / 3) % (n + 2)) * 40),
  width: WIDTH,
  height: HEIGHT,
  channels: 3,
});
const frames = [0, 1, 2, 3].map(frame);
const delay = [100, 50, 70, 900];

test.each(["webp", "gif"] as const)("%s: frames, delays, for ever", async (format) => {
  const bytes = Buffer.from(await encodeAnimation(frames, format, { delay, lossless: true }));
  const about = { format, pages: 4, pageHeight: HEIGHT, width: WIDTH, delay, loop: 0 };
  expect(await sharp(bytes, { pages: -1 }).metadata()).toMatchObject(about);
  for (const [page, { data }] of frames.entries()) {
    const decoded = await sharp(bytes, { page }).flatten().raw().toBuffer();
    expect(decoded.every((level, i) => Math.abs(level - data[i]) <= (format === "gif" ? 8 : 0))).toBe(true);
  }
});

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const file = Buffer.from(bytes);
  const chunks: Chunk[] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const data = file.subarray(at + 8, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(file.subarray(at + 4, at + 8 + length)));
    chunks.push({ type: file.toString("latin1", at + 4, at + 8), data });
    at += length + 12;
  }
  return chunks;
}

/** The frames of an animated PNG file as PNG files, with their delays. */
function framesOf(bytes: Uint8Array): { png: Buffer; delay: number }[] {
  const chunk = ({ type, data }: Chunk) => {
    const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(typed));
    return Buffer.concat([length, typed, sum]);
  };
  const found: { pixels: Buffer[]; delay: number }[] = [];
  let sequence = 0;
  const chunks = chunksOf(bytes);
  for (const { type, data } of chunks) {
    if (type === "fcTL" || type === "fdAT") expect(data.readUInt32BE(0)).toBe(sequence++);
    if (type === "fcTL") {
      expect([4, 8, 12, 16].map((at) => data.readUInt32BE(at))).toEqual([WIDTH, HEIGHT, 0, 0]);
      found.push({ pixels: [], delay: (1000 * data.readUInt16BE(20)) / data.readUInt16BE(22) });
    }
    if (type === "fdAT") found.at(-1)?.pixels.push(data.subarray(4));
    if (type === "IDAT") found.at(-1)?.pixels.push(data);
  }
  const header = chunks[0];
  const control = chunks.find(({ type }) => type === "acTL");
  expect([control?.data.readUInt32BE(0), control?.data.readUInt32BE(4)]).toEqual([found.length, 0]);
  const end = { type: "IEND", data: Buffer.alloc(0) };
  return found.map(({ pixels, delay }) => ({
    png: Buffer.concat([
      Buffer.from(bytes.subarray(0, 8)),
      ...[header, { type: "IDAT", data: Buffer.concat(pixels) }, end].map(chunk),
    ]),
    delay,
  }));
}

test.each([
  ["the last is shown longest: it is the still image, beside the animation", delay, 3],
  ["all are shown alike: the first is the still image, and the animation's", 80, 0],
] as const)("png: %s", async (_, delay, still) => {
  const bytes = await encodeAnimation(frames, "png", { delay });
  const image = await decodeImage(bytes);
  expect([image.format, [...image.data]]).toEqual(["png", [...frames[still].data]]);
  const found = framesOf(bytes);
  expect(found.map(({ delay }) => delay)).toEqual(typeof delay === "number" ? [80, 80, 80, 80] : delay);
  for (const [i, { png }] of found.entries()) {
    expect([...(await decodeImage(png)).data]).toEqual([...frames[i].data]);
  }
});

test("a file has the format of its name, and another name is refused", async () => {
  for (const format of ["webp", "gif", "png"] as const) {
    const file = folder("new", `a.${format.toUpperCase()}`);
    await writeAnimation(file, frames);
    expect((await sharp(file).metadata()).format).toBe(format);
  }
  await expect(writeAnimation(folder("a.jpg"), frames)).rejects.toThrow(
    '".jpg" is not a format of animations; end the name in .webp, .gif or .png',
  );
});

test("what cannot be an animation is refused in words", async () => {
  const encode = (frames: Pixels[], delay: number | number[] = 80) =>
    encodeAnimation(frames, "png", { delay });
  await expect(encode([])).rejects.toThrow("no frame was given");
  await expect(encode([frame(0), { ...frame(0), width: 7, height: 12 }])).rejects.toThrow(
    "frame 1 is 7 x 12, the first is 12 x 7",
  );
  await expect(encode([frame(0), frame(1)], [80])).rejects.toThrow("1 delays for 2 frames");
  for (const delay of [0, 19, 65_536, 30.5, Number.NaN]) {
    await expect(encode([frame(0)], delay)).rejects.toThrow(`a delay is ${delay}; give whole milliseconds`);
  }
});
