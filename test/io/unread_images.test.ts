// Pictures of kinds that are not read are named by their bytes; those that are read never are.

import sharp from "sharp";
import { expect, test } from "vitest";
import { decodeImage } from "../../src/io/image/index.ts";
import { bmp } from "./bmp_writer.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  HEIC: [
    "\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "\0\0\0\x18ftypheix\0\0\0\0mif1heix",
    "\0\0\0\x18ftyphevc\0\0\0\0msf1hevc",
  ],
  "JPEG XL": ["\xff\x0a\x10", "\0\0\0\x0cJXL \r\n\x87\n"],
  "JPEG 2000": ["\0\0\0\x0cjP  \r\n\x87\n", "\xff\x4f\xff\x51\0"],
  SVG: [
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    '\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<svg\nwidth="3">',
  ],
  "a Photoshop file (PSD)": ["8BPS\0\x01\0\0"],
  "an icon (ICO)": ["\0\0\x01\0\x01\0\x10\x10\0\0\x01\0"],
  "a raw file of a camera": ["II*\0\x10\0\0\0CR\x02\0", "FUJIFILMCCD-RAW 0201", "IIRO\x08\0"],
  OpenEXR: ["\x76\x2f\x31\x01\x02\0\0\0"],
  "Radiance HDR": ["#?RADIANCE\n"],
  PNM: ["P6\n3 2\n255\n", "P5 # made by hand\n3 2 255\n"],
  QOI: ["qoif\0\0\0\x01"],
  DDS: ["DDS \x7c\0\0\0"],
  "a PDF file": ["%PDF-1.7\n"],
  "a film": ["\0\0\0\x20ftypisom\0\0\x02\0", "\x1a\x45\xdf\xa3\x01", "RIFF\x10\0\0\0AVI LIST"],
};

const problemOf = async (bytes: Uint8Array): Promise<unknown> =>
  decodeImage(bytes).then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.message : error),
  );

test.each(Object.entries(NAMES))("%s", async (name, beginnings) => {
  for (const beginning of beginnings) {
    for (const rest of ["", "\0".repeat(700)]) {
      expect(await problemOf(Buffer.from(beginning + rest, "latin1"))).toBe(
        `${name}, which is not read; convert it to JPEG or PNG`,
      );
    }
  }
});

test("damaged files of the kinds that are read keep their own problem", async () => {
  const image = sharp({ create: { width: 40, height: 30, channels: 3, background: "#123456" } });
  const files = [
    ...(await Promise.all(
      (["png", "jpeg", "webp", "gif", "tiff", "avif"] as const).map((format) =>
        image.toFormat(format).toBuffer(),
      ),
    )),
    bmp({ width: 4, height: 9, bits: 24, body: Array(108).fill(1) }),
  ];
  for (const file of files) {
    expect(await problemOf(file)).toBe("none");
    expect(await problemOf(file.subarray(0, file.length / 2))).not.toMatch(/not read|none|expected/);
  }
});
