// Sheets of images: margins, and captions in letters of pixels.

import { expect, test } from "vitest";
import { imageGrid, type Pixels } from "../../src/io/image/index.ts";
import { fittingText, textPixels, textWidth } from "../../src/io/image/pixel_font.ts";

const tile = (side: number): Pixels => ({
  data: new Uint8Array(side * side * 3).fill(100),
  width: side,
  height: side,
  channels: 3,
});

/** A text as rows of dots. */
function drawn(text: string): string[] {
  const lit = new Set(textPixels(text).map(([x, y]) => `${x} ${y}`));
  return Array.from({ length: 8 }, (_, y) =>
    Array.from({ length: textWidth(text) }, (_, x) => (lit.has(`${x} ${y}`) ? "#" : ".")).join(""),
  );
}

test("letters are readable, and differ from each other", () => {
  expect(drawn("Ag1")).toEqual([
    ".###..........#..",
    "#...#........##..",
    "#...#..####...#..",
    "#...#.#...#...#..",
    "#####.#...#...#..",
    "#...#..####...#..",
    "#...#.....#..###.",
    ".......###.......",
  ]);
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
  expect(new Set(ascii.map((letter) => drawn(letter).join())).size).toBe(95);
  // No accents; one box for any letter that is not there.
  expect(drawn("é")).toEqual(drawn("e"));
  expect(drawn("蝶")).toEqual(drawn("\u{1f98b}"));
});

test("a text is cut where it does not fit", () => {
  expect(textWidth("abc")).toBe(17);
  expect(fittingText("monarch", 41)).toBe("monarch");
  expect(fittingText("monarch", 40)).toBe("mona..");
  expect(fittingText("monarch", 16)).toBe("");
});

test("a margin goes around all tiles, a gap between them", () => {
  const grid = imageGrid([tile(4), tile(4)], { scale: 1, gap: 2, margin: 5 });
  expect([grid.width, grid.height]).toEqual([5 + 4 + 2 + 4 + 5, 5 + 4 + 5]);
  const isTile = (x: number, y: number) => grid.data[3 * (y * grid.width + x)] === 100;
  const row = Array.from({ length: grid.width }, (_, x) => (isTile(x, 6) ? "#" : ".")).join("");
  expect(row).toBe(".....####..####.....");
  expect([isTile(5, 4), isTile(5, 5), isTile(5, 8), isTile(5, 9)]).toEqual([false, true, true, false]);
  expect(imageGrid([tile(4)], { scale: 1, margin: 0 })).toMatchObject({ width: 4, height: 4 });
  expect(() => imageGrid([tile(4)], { margin: -1 })).toThrow("margin is -1");
});

test("captions stand below their images, in the middle", () => {
  const options = { columns: 2, scale: 1, gap: 1, captions: ["I", "", "x"] };
  const grid = imageGrid([tile(64), tile(64), tile(64)], options);
  const down = 64 + 10 + 1;
  expect([grid.width, grid.height]).toEqual([1 + 65 + 65, 2 * down + 1]);
  const inked: string[] = [];
  for (let y = 0; y < grid.height; y++) {
    for (let x = 0; x < grid.width; x++) {
      if (grid.data[3 * (y * grid.width + x)] === 0x33) inked.push(`${x} ${y}`);
    }
  }
  const at = (text: string, left: number, top: number) =>
    textPixels(text).map(([x, y]) => `${left + x} ${top + y}`);
  // Centred: (64 - 5) / 2, rounded down; two pixels below the image.
  const expected = [...at("I", 1 + 29, 1 + 64 + 2), ...at("x", 1 + 29, 1 + down + 64 + 2)];
  expect(inked.sort()).toEqual(expected.sort());
});

test("large tiles have large letters, unless the longest caption needs small ones", () => {
  const height = (...captions: string[]) =>
    imageGrid(
      captions.map(() => tile(32)),
      { columns: 1, gap: 0, captions },
    ).height;
  expect(height("3")).toBe(128 + 2 * 10);
  expect(height("a name of 20 letters")).toBe(128 + 10);
  expect(() => imageGrid([tile(4)], { captions: ["a", "b"] })).toThrow(
    "2 captions for 1 images; give one for each",
  );
});
