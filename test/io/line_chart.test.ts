import sharp from "sharp";
import { expect, test } from "vitest";
import { lineChart, logTicks, niceTicks, svgToPng } from "../../src/io/image/index.ts";

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

test("ticks of a logarithmic axis are round numbers that enclose what is shown, however much", () => {
  expect(logTicks(0.017, 0.97)).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]);
  expect(logTicks(0.02, 0.5)).toEqual([0.02, 0.05, 0.1, 0.2, 0.5]);
  expect(logTicks(1, 1)).toEqual([1, 2]);
  expect(logTicks(0.003, 4000)).toEqual([0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000]);
  for (const [from, to] of [
    [1e-30, 1e30],
    [5e-324, 1e300],
    [3e-7, 0.2],
  ] as const) {
    const ticks = logTicks(from, to);
    expect(ticks[0]).toBeLessThanOrEqual(from);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(to);
    expect(ticks.length).toBeLessThanOrEqual(12);
  }
  for (const [from, to] of [
    [0, 1],
    [-1, 1],
    [2, 1],
  ] as const) {
    expect(() => logTicks(from, to)).toThrow("expected it to begin above 0 and to rise");
  }
});

test("equal ratios are equally far apart on a logarithmic axis; large numbers are short; pixels need no fonts", () => {
  const x = { label: "step", from: 0, to: 2_000_000, ticks: [0, 20_000, 1_500_000, 2_000_000] };
  const y = { label: "loss", from: 0.01, to: 1, ticks: [0.01, 0.1, 1], log: true };
  const points = [
    [0, 1],
    [1_000_000, 0.1],
    [2_000_000, 0.01],
  ] as const;
  const line = { name: "mean", color: "#ff0000", points, plain: true };
  const chart = lineChart("Loss", x, y, [line]);
  expect(chart).toContain('<path d="M64 40L400 194L736 348" fill="none" stroke="#ff0000"');
  for (const text of ["20k", "1.5M", "2M", "0.01"]) expect(chart).toContain(`>${text}</text>`);
  const pixels = lineChart("Loss", x, y, [line], "pixels");
  expect(pixels).not.toContain("<text");
  expect(pixels).toContain('<path d="M64 40L400 194L736 348" fill="none" stroke="#ff0000"');
});
