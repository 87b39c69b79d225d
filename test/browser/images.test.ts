// Image files in a real browser: the same pixels as in Node, the same refusals, and files that Node reads.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Browser } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeImage, toRgb, withChannels } from "../../src/io/image/index.ts";
import { resizeAndCrop } from "../../src/io/image/resize.ts";
import { bmp } from "../io/bmp_writer.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

const [WIDTH, HEIGHT] = [45, 30];

/** Smooth in x, steps in y, and waves. */
function pixels(channels: 3 | 4): Uint8Array {
  const data = new Uint8Array(WIDTH * HEIGHT * channels);
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    const rgba = [x * 5, (y >> 2) * 32, 128 + 100 * Math.sin((x * y) / 40), (i * 7) % 256];
    data.set(rgba.slice(0, channels), i * channels);
  }
  return data;
}
const raw = (channels: 3 | 4) => sharp(pixels(channels), { raw: { width: WIDTH, height: HEIGHT, channels } });
const rgb = () => raw(3);
const rgba = () => raw(4);
const gray = (image: Sharp) => image.toColourspace("b-w");
const wide = (channels: 1 | 3) => {
  const data = Uint16Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) => (i * 7919) % 65536);
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels } }).toColourspace(
    channels === 1 ? "grey16" : "rgb16",
  );
};
const film = () =>
  sharp(pixels(3), { raw: { width: WIDTH, height: HEIGHT, channels: 3, pageHeight: HEIGHT / 2 } });

/** Chunks of a PNG file that change its colours in browsers, put behind its header: dark, in a narrow range. */
const withGamma = (png: Buffer): Buffer => {
  const gamma = Buffer.from("0000000467414d410000ffff", "hex");
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(gamma.subarray(4)));
  return Buffer.concat([png.subarray(0, 33), gamma, crc, png.subarray(33)]);
};

const READ: Record<string, () => Promise<Buffer>> = {
  "gray.png": () => gray(rgb()).png().toBuffer(),
  "gray_alpha.png": () => gray(rgba()).png().toBuffer(),
  "rgb.png": () => rgb().png().toBuffer(),
  "rgba.png": () => rgba().png().toBuffer(),
  "palette.png": () => rgb().png({ palette: true }).toBuffer(),
  "palette_alpha.png": () => rgba().png({ palette: true }).toBuffer(),
  "two_colours.png": () => rgb().png({ palette: true, colours: 2 }).toBuffer(),
  "interlaced.png": () => rgb().png({ progressive: true }).toBuffer(),
  "rgb_16_bits.png": () => wide(3).png().toBuffer(),
  "gray_16_bits.png": () => wide(1).png().toBuffer(),
  "gamma.png": async () => withGamma(await rgb().png().toBuffer()),
  "display_p3.png": () => rgb().withIccProfile("p3").png().toBuffer(),
  "display_p3_alpha.png": () => rgba().withIccProfile("p3").png().toBuffer(),
  "420.jpg": () => rgb().jpeg().toBuffer(),
  "444.jpg": () => rgb().jpeg({ chromaSubsampling: "4:4:4" }).toBuffer(),
  "progressive.jpg": () => rgb().jpeg({ progressive: true }).toBuffer(),
  "gray.jpg": () => gray(rgb()).jpeg().toBuffer(),
  "display_p3.jpg": () => rgb().withIccProfile("p3").jpeg().toBuffer(),
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => [
      `turned_${orientation}.jpg`,
      () => rgb().withMetadata({ orientation }).jpeg().toBuffer(),
    ]),
  ),
  "lossy.webp": () => rgb().webp().toBuffer(),
  "lossy_alpha.webp": () => rgba().webp().toBuffer(),
  "lossless.webp": () => rgb().webp({ lossless: true }).toBuffer(),
  "lossless_alpha.webp": () => rgba().webp({ lossless: true }).toBuffer(),
  "film.webp": () => film().webp({ lossless: true }).toBuffer(),
  "still.gif": () => rgb().gif().toBuffer(),
  "alpha.gif": () => rgba().gif().toBuffer(),
  "film.gif": () => film().gif().toBuffer(),
  "24_bits.bmp": async () =>
    bmp({ width: 4, height: 3, bits: 24, body: Buffer.from(pixels(3).subarray(0, 36)) }),
  "444.avif": () => rgb().avif({ chromaSubsampling: "4:4:4" }).toBuffer(),
};

const average = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

/** What is seen of an image: colours multiplied by alpha, and alpha itself. */
const seen = ({ data, channels }: { data: ArrayLike<number>; channels: number }): number[] =>
  Array.from(data, (level, i) =>
    channels === 4 && i % 4 < 3 ? (level * data[i - (i % 4) + 3]!) / 255 : level,
  );

describeInBrowser("image files in a page", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/images.ts")>;
  let folder = "";
  const files = new Map<string, Buffer>();
  const put = async (name: string, content: Buffer): Promise<string> => {
    files.set(name, content);
    await writeFile(join(folder, name), content);
    return `/${name}`;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imago-images-"));
    for (const [name, make] of Object.entries(READ)) await put(name, await make());
    browser = await launch();
    page = await openPage(browser, "images", { isolated: false, folder });
  });
  afterAll(async () => {
    await browser?.close();
    await page?.site.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(Object.keys(READ))("%s is decoded as in Node, within 1 level", async (name) => {
    const here = await decodeImage(files.get(name)!);
    const there = await page.call.decode(`/${name}`);
    if (typeof there === "string") throw new Error(there);
    // Node also looks at what follows the first image.
    const fileChannels = name === "film.gif" ? 3 : here.fileChannels;
    expect({ ...there, data: [] }).toEqual({ ...here, fileChannels, data: [] });
    expect(largest(seen(there), seen(here))).toBeLessThanOrEqual(1);
  });

  test("scaled and cut, pixels agree within 1 level", async () => {
    const names = Object.keys(READ);
    const there = await page.call.scaled(
      names.map((name) => `/${name}`),
      8,
    );
    for (const [i, name] of names.entries()) {
      const here = resizeAndCrop(toRgb(await decodeImage(files.get(name)!)), 8);
      const scaled = there[i]!;
      if (typeof scaled === "string") throw new Error(`${name}: ${scaled}`);
      expect(largest(scaled, here), name).toBeLessThanOrEqual(1);
    }
  });

  test("AVIF with halved colours comes out nearly the same", async () => {
    const file = await rgb().avif({ chromaSubsampling: "4:2:0", quality: 90 }).toBuffer();
    const there = await page.call.decode(await put("420.avif", file));
    if (typeof there === "string") throw new Error(there);
    expect(average(there.data, (await decodeImage(file)).data)).toBeLessThan(10);
  });

  test("an image larger than a tile of the canvas comes out whole", async () => {
    const side = 2100;
    const data = Uint8Array.from({ length: side * 20 * 3 }, (_, i) => (i * 31) % 251);
    const name = await put(
      "wide.png",
      await sharp(data, { raw: { width: side, height: 20, channels: 3 } })
        .png()
        .toBuffer(),
    );
    const there = await page.call.decode(name);
    if (typeof there === "string") throw new Error(there);
    expect(largest(there.data, data)).toBe(0);
  });

  test("what is cut short is refused, wherever it ends", async () => {
    const cuts = Object.keys(READ).filter((name) =>
      /^(rgb|lossy|lossless|still|420|progressive)\./.test(name),
    );
    expect(cuts).toHaveLength(6);
    for (const name of cuts) {
      const whole = files.get(name)!;
      for (const length of [16, 30, 60, Math.floor(whole.length / 2), whole.length - 20, whole.length - 3]) {
        const cut = await put(`cut_${length}_${name}`, whole.subarray(0, length));
        expect(await page.call.decode(cut), cut).toBe("damaged or cut short");
      }
    }
  });

  test("what is no image, not wanted, too large or not the browser's is refused in words", async () => {
    expect(await page.call.decode(await put("text", Buffer.from("no image here, only words")))).toBe(
      "not an image",
    );
    expect(await page.call.decode(await put("empty", Buffer.alloc(0)))).toBe("empty file");
    expect(await page.call.decode(await put("page", Buffer.from("<!doctype html><p>404")))).toMatch(/HTML/);
    const svg = Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>');
    expect(await page.call.decode(await put("svg", svg))).toBe(
      "SVG, which is not read; convert it to JPEG or PNG",
    );
    expect(await page.call.decode(await put("tiff", await rgb().tiff().toBuffer()))).toBe(
      "tiff is not read in browsers; convert it to PNG",
    );
    expect(
      await page.call.decode(await put("inks", await rgb().toColourspace("cmyk").jpeg().toBuffer())),
    ).toBe("JPEG with CMYK colours is not read in browsers; convert it to RGB");
    expect(await page.call.decode(await put("avif", await rgba().avif().toBuffer()))).toBe(
      "AVIF with transparency is not read in browsers; convert it to PNG",
    );
    const formats = ["jpeg", "png", "webp", "gif", "heif"];
    for (const name of ["rgb.png", "420.jpg", "lossy.webp", "lossless.webp", "still.gif", "444.avif"]) {
      const most = WIDTH * HEIGHT;
      expect(await page.call.decodeAtMost(`/${name}`, most - 1, formats)).toBe(
        `more than ${most - 1} pixels`,
      );
      expect(formats).toContain(await page.call.decodeAtMost(`/${name}`, most, formats));
    }
    expect(await page.call.decodeAtMost("/rgb.png", 2000, ["jpeg"])).toBe("png is not read");
  });

  test("a header that lies is refused before its pixels take memory", async () => {
    const huge = Buffer.from(files.get("420.jpg")!);
    const frame = huge.indexOf(Buffer.from([0xff, 0xc0]));
    huge.writeUInt16BE(65_000, frame + 5);
    huge.writeUInt16BE(65_000, frame + 7);
    expect(await page.call.decode(await put("huge.jpg", huge))).toBe(`more than ${2 ** 27} pixels`);
  });

  test("written images are read in Node: PNG exactly, JPEG and WebP nearly", async () => {
    const data = [...pixels(3)];
    const image = { data, width: WIDTH, height: HEIGHT, channels: 3 } as const;
    for (const [format, most] of [["png", 0] as const, ["jpeg", 10] as const, ["webp", 10] as const]) {
      const read = await decodeImage(Buffer.from(await page.call.encode(image, format)));
      expect(read).toMatchObject({ width: WIDTH, height: HEIGHT, format, channels: 3 });
      expect(average(read.data, data)).toBeLessThanOrEqual(most);
    }
    expect(await page.call.encode(image, "png")).toEqual(await page.call.encode(image, "png"));
  });

  test("written gray and transparent images are read in Node: PNG exactly, JPEG and WebP nearly", async () => {
    for (const channels of [1, 4] as const) {
      const all = pixels(4);
      const data = channels === 4 ? [...all] : [...all].filter((_, i) => i % 4 === 2);
      const image = { data, width: WIDTH, height: HEIGHT, channels };
      const png = await decodeImage(Buffer.from(await page.call.encode(image, "png")));
      expect({ ...png, data: [...png.data] }).toMatchObject({ channels, data });
      const format = channels === 4 ? "webp" : "jpeg";
      const lossy = await decodeImage(Buffer.from(await page.call.encode(image, format)));
      const read = channels === 4 ? lossy : withChannels(lossy, 1);
      expect(average(seen(read), seen({ data, channels }))).toBeLessThan(10);
    }
  });

  test("an animated PNG is written and played; other animations are refused", async () => {
    expect(await page.call.animated([10, 200, 90], [100, 40, 700])).toEqual({
      shown: [10, 200, 90],
      delays: [100_000, 40_000, 700_000],
      isEndless: true,
      refusal: "Error: browsers write no animated webp files; end the name in .png",
    });
  });

  test("an SVG file becomes a PNG, larger by the scale", async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="6"><rect width="5" height="6" fill="#ff0000"/></svg>';
    const image = await decodeImage(Buffer.from(await page.call.svgToPng(svg, 2)));
    expect(image).toMatchObject({ width: 20, height: 12, format: "png" });
    expect([...image.data.subarray(0, 3), ...image.data.subarray(57, 60)]).toEqual([
      255, 0, 0, 255, 255, 255,
    ]);
  });

  test("a worker decodes the same pixels, and draws no SVG file", async () => {
    const [image, refusal] = await page.call.inWorker(`${page.site.url}/display_p3_alpha.png`);
    expect(image).toEqual(await page.call.decode("/display_p3_alpha.png"));
    expect(refusal).toMatch(/^Error: an SVG file is drawn in pages only, not in workers/);
  });

  test("the decoder has a name and a version", async () => {
    expect(await page.call.decoder()).toMatch(/^chromium\/\d+/);
    expect(page.printed).toEqual([]);
  });
});
