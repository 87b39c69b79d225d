import { describe, expect, test } from "vitest";
import { hwioToOihw, oihwBitsToHwio, oihwToHwio } from "../../src/io/filter_layout.ts";

const count = (length: number) => Float32Array.from({ length }, (_, i) => i);
/** The offset of an index in C order. */
const at = (shape: readonly number[], index: readonly number[]) =>
  shape.reduce((offset, size, axis) => offset * size + index[axis]!, 0);

describe.each([
  { name: "OIHW -> HWIO", to: oihwToHwio, from: hwioToOihw, axes: [2, 3, 1, 0] },
  { name: "HWIO -> OIHW", to: hwioToOihw, from: oihwToHwio, axes: [3, 2, 0, 1] },
])("$name", ({ to, from, axes }) => {
  test.each([[[2, 3, 4, 5]], [[1, 1, 1, 1]], [[37, 2, 33, 1]], [[3, 0, 2, 2]]])("%j", (shape) => {
    const data = count(shape.reduce((a, b) => a * b));
    const moved = axes.map((axis) => shape[axis]!);
    const out = to(data, shape);
    expect(from(out, moved)).toEqual(data);
    const [a, b, c, d] = shape as [number, number, number, number];
    for (let i = 0; i < a; i++)
      for (let j = 0; j < b; j++)
        for (let k = 0; k < c; k++)
          for (let l = 0; l < d; l++) {
            const index = [i, j, k, l];
            const place = at(
              moved,
              axes.map((axis) => index[axis]!),
            );
            if (out[place] !== data[at(shape, index)]) expect.fail(`${index} is not at ${place}`);
          }
  });
});

test("16-bit elements move as others", () => {
  const shape = [37, 5, 3, 3];
  const data = count(37 * 5 * 9);
  const moved = oihwBitsToHwio(Uint16Array.from(data), shape);
  expect(moved).toBeInstanceOf(Uint16Array);
  expect(Float32Array.from(moved)).toEqual(oihwToHwio(data, shape));
});

test("shapes that do not fit are refused", () => {
  expect(() => oihwToHwio(count(5), [1, 2, 3, 1])).toThrow("shape [1, 2, 3, 1] does not fit 5 elements");
  expect(() => oihwToHwio(count(6), [2, 3])).toThrow("shape [2, 3], where four dimensions were expected");
});
