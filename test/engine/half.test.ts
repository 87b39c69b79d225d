import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../../src/engine/half.ts";

const EVERY_PATTERN = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

describe.each([
  { name: "float16", toFloat: halfToFloat32, fromFloat: float32ToHalf, infinity: 0x7c00 },
  { name: "bfloat16", toFloat: bfloat16ToFloat32, fromFloat: float32ToBfloat16, infinity: 0x7f80 },
])("$name", ({ toFloat, fromFloat, infinity }) => {
  const values = toFloat(EVERY_PATTERN);

  test("every bit pattern survives the way to float32 and back; NaN stays NaN", () => {
    const back = fromFloat(values);
    for (let bits = 0; bits < 65536; bits++) {
      if ((bits & 0x7fff) > infinity) {
        expect(values[bits]).toBeNaN();
        expect(back[bits]! & 0x7fff).toBeGreaterThan(infinity);
      } else if (back[bits] !== bits) expect.fail(`${bits} came back as ${back[bits]}`);
    }
  });

  test("rounds to the nearest value, ties to even", () => {
    fc.assert(
      fc.property(
        fc.nat(infinity - 2),
        fc.constantFrom(0.25, 0.5, 0.75),
        fc.boolean(),
        (low, part, negative) => {
          const sign = negative ? -1 : 1;
          const between = values[low]! + (values[low + 1]! - values[low]!) * part; // exact in float32
          fc.pre(Math.fround(between) === between);
          const nearest = part === 0.5 ? low + (low & 1) : part < 0.5 ? low : low + 1;
          expect(fromFloat(new Float32Array([sign * between]))[0]).toBe(nearest | (negative ? 0x8000 : 0));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test("float16: known values, subnormals, overflow", () => {
  const cases: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [1e30, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [1023 * 2 ** -24, 0x03ff],
    [1023.5 * 2 ** -24, 0x0400],
    [-0, 0x8000],
    [1 / 3, 0x3555],
  ];
  for (const [value, bits] of cases)
    expect(float32ToHalf(new Float32Array([value]))[0], `${value}`).toBe(bits);
});

test("bfloat16: rounding carries into infinity, not around it", () => {
  const patterns = float32ToBfloat16(
    new Float32Array([3.4028234663852886e38, -3.4028234663852886e38, 1, 1.00390625]),
  );
  expect([...patterns]).toEqual([0x7f80, 0xff80, 0x3f80, 0x3f80]);
});
