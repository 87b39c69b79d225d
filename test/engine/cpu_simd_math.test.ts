// The elementary functions against Math, on dense grids and at the edges of their domains.

import { describe, expect, test } from "vitest";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import type { Expr } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as math from "../../src/engine/backends/cpu/simd/math.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { encodeModule, hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";

const COUNT = 200_000;
const PAGES = { initial: 32, maximum: 32, shared: true };

/** Applies a vector function to the f32 numbers `x`. */
function evaluate(f: (k: KernelBuilder, x: Expr) => Expr, x: Float32Array, relaxed: boolean): Float32Array {
  const k = new KernelBuilder("f");
  k.loop(4 * COUNT, (i) => k.storeV(i, f(k, s.loadV(i)), 4 * COUNT), { step: 16 });
  const memory = new WebAssembly.Memory(PAGES);
  const module = new WebAssembly.Module(encodeModule({ memory: PAGES, exports: { f: k }, relaxed }));
  const run = new WebAssembly.Instance(module, { env: { memory } }).exports.f;
  if (typeof run !== "function") throw new Error("no export f");
  const cells = new Float32Array(memory.buffer);
  cells.set(x);
  run(0, 0, 0);
  return cells.slice(COUNT, COUNT + x.length);
}

const grid = (low: number, high: number) =>
  Float32Array.from({ length: COUNT }, (_, i) => low + ((high - low) * i) / (COUNT - 1));
/** Magnitudes spread over the exponents from 2^low to 2^high, both signs. */
const powers = (low: number, high: number) =>
  Float32Array.from(
    { length: COUNT },
    (_, i) => (i % 2 ? -1 : 1) * 2 ** (low + ((high - low) * i) / (COUNT - 1)),
  );

function worst(got: Float32Array, x: Float32Array, f: (x: number) => number, relative: boolean): number {
  let error = 0;
  for (let i = 0; i < x.length; i++) {
    const want = f(x[i]!);
    const difference = Math.abs(got[i]! - want) / (relative ? Math.abs(want) || 1 : 1);
    if (!(difference <= error)) error = difference;
  }
  return error;
}

/** erf by its Taylor series, in float64; |x| <= 3. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
/** The second of two that are computed side by side. */
const expOfNegative: typeof math.vexp = (k, x) => math.vexpOfNegative(k, [s.vconst(0), x])[1]!;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

for (const relaxed of hasRelaxedSimd() ? [true, false] : [false])
  describe(relaxed ? "with fused multiply-add" : "without fused multiply-add", () => {
    const relative = (
      name: string,
      f: typeof math.vexp,
      g: (x: number) => number,
      x: Float32Array,
      limit = 2e-7,
    ) =>
      test(name, () => {
        expect(worst(evaluate(f, x, relaxed), x, g, true)).toBeLessThan(limit);
      });
    relative("exp", math.vexp, Math.exp, grid(-87.3, 88.7));
    relative("exp near 0", math.vexp, Math.exp, powers(-40, 0));
    relative("exp of negative numbers", expOfNegative, Math.exp, grid(-87.3, 1));
    relative("log", math.vlog, Math.log, powers(-148, 127).map(Math.abs));
    relative("log near 1", math.vlog, Math.log, grid(0.5, 2));
    relative("log of positive numbers", math.vlogPositive, Math.log, grid(2 ** -24, 1));
    relative("tanh", math.vtanh, Math.tanh, grid(-10, 10));
    relative("tanh near 0", math.vtanh, Math.tanh, powers(-40, 3));
    relative("erf", math.verf, erf, grid(-3, 3));
    relative("erf near 0", math.verf, erf, powers(-40, 1));
    relative("sigmoid", math.vsigmoid, sigmoid, grid(-87, 87), 2.5e-7);
    for (const range of [1, 10, 1000, 10_000])
      test(`sin and cos up to ${range}`, () => {
        const x = grid(-range, range);
        expect(worst(evaluate(math.vsin, x, relaxed), x, Math.sin, false)).toBeLessThan(1.5e-7);
        expect(worst(evaluate(math.vcos, x, relaxed), x, Math.cos, false)).toBeLessThan(1.5e-7);
      });
    test("edges", () => {
      const at = (f: typeof math.vexp, ...x: number[]) => [...evaluate(f, Float32Array.from(x), relaxed)];
      expect(at(math.vexp, 0, -Infinity, Infinity, -1000, 1000, -90, 89, NaN)).toEqual([
        1,
        0,
        Infinity,
        0,
        Infinity,
        0,
        Infinity,
        NaN,
      ]);
      expect(at(expOfNegative, 0, NaN)).toEqual([1, NaN]);
      for (const least of at(expOfNegative, -88, -1000, -Infinity)) expect(least).toBeCloseTo(0, 37);
      expect(at(math.vlog, 1, 0, -0, -1, -Infinity, Infinity, NaN)).toEqual([
        0,
        -Infinity,
        -Infinity,
        NaN,
        NaN,
        Infinity,
        NaN,
      ]);
      expect(at(math.vtanh, 0, -0, Infinity, -Infinity, 50, NaN)).toEqual([0, -0, 1, -1, 1, NaN]);
      expect(at(math.verf, 0, -0, Infinity, -Infinity, 5, NaN)).toEqual([0, -0, 1, -1, 1, NaN]);
      expect(at(math.vsigmoid, 0, Infinity, -Infinity, NaN)).toEqual([0.5, 1, 0, NaN]);
      expect(at(math.vsin, 0, NaN, Infinity)).toEqual([0, NaN, NaN]);
      expect(at(math.vcos, 0, NaN, Infinity)).toEqual([1, NaN, NaN]);
    });
  });
