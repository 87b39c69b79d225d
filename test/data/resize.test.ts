// Resizing against Pillow: sha256 of Image.resize(..., BILINEAR) and the middle crop, for images made by a formula.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { resizeAndCrop } from "../../src/io/image/resize.ts";

// [width, height, size, sha256 of the bytes, the first nine bytes], from Pillow 13.0.0.
const PILLOW: readonly [number, number, number, string, readonly number[]][] = [
  [
    7,
    5,
    3,
    "16d61ec8299bce3f264091cbcec26c1c3f4509feef81dc5c51ac166f268276c4",
    [18, 71, 124, 50, 103, 156, 129, 160, 127],
  ],
  [
    5,
    9,
    12,
    "79d31a5c315c798058422030f6f6afc506b56cfd9daa21466fe10985646d2db9",
    [44, 97, 150, 46, 99, 152, 50, 103, 156],
  ],
  [
    100,
    64,
    32,
    "da29983fdaef62911fc09b8dc62d9a5fc0c92d899bc0a319a50c5c61e9078506",
    [141, 84, 132, 124, 104, 130, 132, 125, 123],
  ],
  [
    33,
    250,
    48,
    "ce15b62fd46fc8b95b03abb922c8cbe23d4f9f703ff5d7593d8e8904d37d3c6b",
    [40, 93, 146, 81, 134, 187, 137, 153, 187],
  ],
  [
    640,
    427,
    32,
    "366467ebfa747fc8e017c6962499b2c7929af821163f986ad0776c1a2b2163a4",
    [128, 130, 123, 126, 129, 127, 127, 126, 129],
  ],
  [
    32,
    32,
    32,
    "a347d60f7f4388627e822f52e95d54e494e0220729a817f05068fb4b1370d57d",
    [0, 53, 106, 7, 60, 113, 28, 81, 134],
  ],
  [
    31,
    45,
    31,
    "e7160f42dfd8a69b6f50d19e7eb9c92bc592362f83f6819bc8fcf9931fdd01c6",
    [217, 14, 67, 245, 42, 95, 31, 84, 137],
  ],
];

function formula(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = (x * x * 7 + y * 31 + x * y * 3 + c * 53) % 256;
  }
  return data;
}

describe("resizeAndCrop", () => {
  it.each(PILLOW)("makes of %d x %d the same %d pixels as Pillow", (width, height, size, sha256, first) => {
    const out = resizeAndCrop({ data: formula(width, height), width, height, channels: 3 }, size);
    expect([...out.subarray(0, 9)]).toEqual(first);
    expect(createHash("sha256").update(out).digest("hex")).toBe(sha256);
  });

  it("refuses bytes that do not fill the image, and sizes that are none", () => {
    expect(() => resizeAndCrop({ data: new Uint8Array(5), width: 2, height: 2, channels: 3 }, 2)).toThrow(
      /needs 12/,
    );
    expect(() => resizeAndCrop({ data: new Uint8Array(12), width: 2, height: 2, channels: 3 }, 0)).toThrow(
      /size is 0/,
    );
  });
});
