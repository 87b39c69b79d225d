import sharp from "sharp";
import { expect, test } from "vitest";
import { lineChart, niceTicks, svgToPng } from "../../src/io/image/index.ts";

test("ticks are round numbers that enclose what is shown", () => {
  expect(niceTicks(0, 480)).toEqual([0, 100, 200, 300, 400, 500]);
  expect(niceTicks(0, 0.63)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  expect(niceTicks(-0.3, 1, 4)).toEqual([-0.5, 0, 0.5, 1]);
  expect(niceTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(() => niceTicks(1, 1)).toThrow("an axis from 1 to 1; expected it to rise");
});

test("a chart is a well-formed picture, whatever its names are", async () => {
  const axis = { label: "a < b & c", from: 0, to: 1, ticks: [0, 1] };
  const line = {
    name: "x > y",
    color: "#ff0000",
    plain: true,
    points: [
      [0, 0],
      [1, 1],
    ],
  } as const;
  const png = await svgToPng(lineChart("<title>", axis, axis, [line]), 2);
  expect(await sharp(png).metadata()).toMatchObject({ format: "png", width: 1520, height: 800 });
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  // The line runs through the middle of the plot: (64 + 736) / 2, (40 + 348) / 2, twice as large.
  const at = (194 * 2 * info.width + 400 * 2) * info.channels;
  expect([...data.subarray(at, at + 3)]).toEqual([255, 0, 0]);
});
