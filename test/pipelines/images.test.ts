// From a model's values to bytes: all ways give the same.

import { expect, test } from "vitest";
import { toUint8, unitToUint8 } from "../../src/io/image/index.ts";
import { unitRange } from "../../src/pipelines/sampling.ts";

/** Float32 numbers around x, which is not 0. */
function around(x: number, count: number): number[] {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0];
  const near = Uint32Array.from({ length: 2 * count + 1 }, (_, i) => bits - count + i);
  return Array.from(new Float32Array(near.buffer));
}

test("from [-1, 1] at once, or over [0, 1]", () => {
  const halves = Array.from({ length: 255 }, (_, k) => (2 * (k + 0.5)) / 255 - 1);
  const values = Float32Array.from([
    ...halves.filter((x) => x !== 0).flatMap((x) => around(x, 40)),
    ...Array.from({ length: 20_001 }, (_, i) => (i - 10_000) / 8_000),
    ...[0, ...[1, -1, 1e-30, -1e-30].flatMap((x) => around(x, 5))],
  ]);
  const shape = [1, 1, values.length, 1] as const;
  const [direct] = toUint8(values, shape);
  const unit = new Float32Array(values.length);
  unitRange(values, unit);
  const [over] = unitToUint8(unit, shape);
  expect(over.data).toEqual(direct.data);
  // Back to [-1, 1] and there again changes nothing either.
  const [there] = toUint8(
    unit.map((x) => x * 2 - 1),
    shape,
  );
  expect(there.data).toEqual(direct.data);
  expect(new Set(direct.data).size).toBe(256);
});
