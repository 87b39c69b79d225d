// Random numbers against the host's Philox; gather and scatter-add against plain loops.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerGather, lowerScatterAdd } from "../../src/engine/backends/cpu/kernels/gather.ts";
import { lowerRandom } from "../../src/engine/backends/cpu/kernels/random.ts";
import { philoxNormal, philoxUniform } from "../../src/engine/random/philox.ts";
import { compileLowered, noise, relativeError } from "./cpu_kernel_harness.ts";

function draw(
  kind: "uniform" | "normal",
  size: number,
  seed: bigint,
  step: number,
  site: number,
): Float32Array {
  const key = Int32Array.of(Number(BigInt.asIntN(32, seed)), Number(BigInt.asIntN(32, seed >> 32n)), step);
  const program = compileLowered(lowerRandom({ kind, size, site }), [key], [size]);
  program.run();
  program.checkGuards();
  return program.outputs[0]!;
}

const draws = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 4080, max: 4120 })),
  seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  step: fc.nat(),
  site: fc.nat(),
});

describe("random", () => {
  test("uniform numbers are the host's, bit for bit", () => {
    fc.assert(
      fc.property(draws, ({ size, seed, step, site }) => {
        const want = new Float32Array(size);
        philoxUniform(want, { seed, step, site });
        expect(draw("uniform", size, seed, step, site)).toEqual(want);
      }),
      { numRuns: 40 },
    );
  });

  test("normal numbers are the host's within rounding", () => {
    fc.assert(
      fc.property(draws, ({ size, seed, step, site }) => {
        const want = new Float64Array(size);
        philoxNormal(want, { seed, step, site });
        const got = draw("normal", size, seed, step, site);
        const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - want[i]!)), 0);
        expect(worst).toBeLessThan(1e-6);
      }),
      { numRuns: 40 },
    );
  });

  test("normal numbers have mean 0, variance 1 and are finite", () => {
    const x = draw("normal", 100_003, 7n, 3, 1);
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
    expect(x.every(Number.isFinite)).toBe(true);
  });
});

const tables = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  width: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(64, 67, 700)),
  count: fc.integer({ min: 1, max: 60 }),
});
const indices = (count: number, rows: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => ((i * 7919) % (rows + 4)) - 2); // some outside
const clamp = (index: number, rows: number): number => Math.min(Math.max(index, 0), rows - 1);

describe("tables", () => {
  test("gather", () => {
    fc.assert(
      fc.property(tables, ({ rows, width, count }) => {
        const [table, index] = [noise(rows * width, 1), indices(count, rows)];
        const program = compileLowered(lowerGather({ rows, width, count }), [table, index], [count * width]);
        program.run();
        const want = Float32Array.from(
          { length: count * width },
          (_, i) => table[clamp(index[Math.floor(i / width)]!, rows) * width + (i % width)]!,
        );
        expect(program.outputs[0]).toEqual(want);
        program.checkGuards();
      }),
      { numRuns: 60 },
    );
  });

  test("scatter-add", () => {
    fc.assert(
      fc.property(tables, ({ rows, width, count }) => {
        const [source, index] = [noise(count * width, 1), indices(count, rows)];
        const program = compileLowered(
          lowerScatterAdd({ rows, width, count }),
          [source, index],
          [rows * width],
        );
        program.run();
        const want = new Float64Array(rows * width);
        source.forEach((x, i) => {
          want[clamp(index[Math.floor(i / width)]!, rows) * width + (i % width)]! += x;
        });
        expect(relativeError(program.outputs[0]!, want)).toBeLessThan(1e-6);
        program.checkGuards();
      }),
      { numRuns: 60 },
    );
  });

  test("wrong sizes are refused", () => {
    expect(() => lowerGather({ rows: 0, width: 1, count: 1 })).toThrow(/rows of 0/);
    expect(() => lowerScatterAdd({ rows: 1, width: 1.5, count: 1 })).toThrow(/width of 1.5/);
    expect(() => lowerRandom({ kind: "normal", size: 0, site: 0 })).toThrow(/size of 0/);
  });
});
