// The host's random streams against published vectors and torch's own numbers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PhiloxKey, philox4x32, philoxNormal, philoxUniform } from "../../src/engine/random/philox.ts";
import { TorchGenerator, type TorchGeneratorState } from "../../src/engine/random/torch_generator.ts";

/** Values that torch prints with four digits behind the point. */
function expectPrinted(actual: Iterable<number>, printed: readonly number[], digits = 4): void {
  const values = [...actual].slice(0, printed.length);
  expect(values.length).toBe(printed.length);
  for (const [i, value] of values.entries()) {
    expect(Math.abs(value - printed[i]), `value ${i}: ${value}`).toBeLessThanOrEqual(0.50001 * 10 ** -digits);
  }
}

describe("TorchGenerator", () => {
  it("draws MT19937's words", () => {
    expect(new TorchGenerator(0).uint32()).toBe(2357136044);
    const standard = new TorchGenerator(5489); // the reference code's seed; its 10000th word is in the C++ standard
    for (let i = 1; i < 10000; i++) standard.uint32();
    expect(standard.uint32()).toBe(4123659995);
  });

  it("draws torch's randn, in chunks of 16", () => {
    expectPrinted(
      new TorchGenerator(0).randn(16),
      [
        -1.1258, -1.1524, -0.2506, -0.4339, 0.8487, 0.692, -0.316, -2.1152, 0.3223, -1.2633, 0.35, 0.3081,
        0.1198, 1.2377, 1.1168, -0.2473,
      ],
    );
    expectPrinted(new TorchGenerator(42).randn(20), [1.92692, 1.48728, 0.90072, -2.10552], 5);
  });

  it("draws torch's randn for fewer than 16, keeping the second normal of a pair for the next call", () => {
    const expected = [1.541, -0.2934, -2.1788, 0.5684, -1.0845];
    expectPrinted(new TorchGenerator(0).randn(5), expected);
    const split = new TorchGenerator(0);
    expectPrinted([...split.randn(1), ...split.randn(3), ...split.randn(1)], expected);
  });

  it("redraws the last 16 values when the count is no multiple of 16", () => {
    const values = new TorchGenerator(7).randn(20);
    const generator = new TorchGenerator(7);
    generator.rand(20);
    expect([...values.subarray(4)]).toEqual([...generator.randn(16)]);
    expect([...values.subarray(0, 4)]).toEqual([...new TorchGenerator(7).randn(16).subarray(0, 4)]);
  });

  it("draws torch's rand, randint and randperm", () => {
    expectPrinted(new TorchGenerator(0).rand(5), [0.4963, 0.7682, 0.0885, 0.132, 0.3074]);
    expect([...new TorchGenerator(0).randint(0, 1000, 8)]).toEqual([44, 239, 933, 760, 963, 379, 427, 503]);
    expect([...new TorchGenerator(0).randperm(10)]).toEqual([4, 1, 7, 5, 3, 9, 0, 8, 6, 2]);
  });

  it("draws the timesteps of a training step after its noise", () => {
    const generator = new TorchGenerator(1234);
    generator.randn(768);
    expect([...generator.randint(0, 1000, 4)]).toEqual([420, 971, 503, 898]);
  });

  it("draws 53-bit uniforms, high word first", () => {
    const words = new TorchGenerator(3);
    const [high, low] = [BigInt(words.uint32()), BigInt(words.uint32())];
    const bits = ((high << 32n) | low) & (2n ** 53n - 1n);
    expect(new TorchGenerator(3).uniformDouble()).toBe(Number(bits) * 2 ** -53);
  });

  it("draws many at once as one by one", () => {
    const [many, single] = [new TorchGenerator(5), new TorchGenerator(5)];
    for (const count of [1, 623, 0, 625, 7, 2000])
      expect([...many.rand(count)]).toEqual(Array.from({ length: count }, () => single.uniform()));
  });

  it("goes on from a state that went through JSON", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 700 }), (n, words) => {
        const generator = new TorchGenerator(11);
        generator.rand(words);
        generator.randn(n);
        const state: TorchGeneratorState = JSON.parse(JSON.stringify(generator.state()));
        const resumed = new TorchGenerator(0);
        resumed.restoreState(state);
        expect([...resumed.randn(9)]).toEqual([...generator.randn(9)]);
        expect([...resumed.randn(33)]).toEqual([...generator.randn(33)]);
      }),
      { numRuns: 20 },
    );
  });

  it("takes torch's seeds: the low 32 bits, negative ones from 2^64 - 1", () => {
    const first = (seed: number | bigint) => new TorchGenerator(seed).uint32();
    expect(first(2n ** 32n + 5n)).toBe(first(5));
    expect(first(-1)).toBe(first(2 ** 32 - 2));
  });

  it("refuses what is no seed, count, range or state, and says so", () => {
    expect(() => new TorchGenerator(1.5)).toThrow("seed is 1.5, expected a whole number");
    expect(() => new TorchGenerator(2n ** 64n)).toThrow("expected -2^63 .. 2^64-1");
    const generator = new TorchGenerator(0);
    expect(() => generator.randn(-1)).toThrow("randn: n is -1");
    expect(() => generator.randint(5, 5, 1)).toThrow("randint from 5 to 5");
    const state = generator.state();
    expect(() => generator.restoreState({ ...state, words: [1, 2] })).toThrow("624");
    expect(() => generator.restoreState({ ...state, position: 625 })).toThrow("position is 625");
    expect(() => generator.restoreState({ ...state, nextNormal: Number.NaN })).toThrow("nextNormal NaN");
  });
});

describe("Philox", () => {
  const block = (counter: number[], key: number[]) => {
    const out = new Uint32Array(4);
    philox4x32(new Uint32Array(counter), new Uint32Array(key), out);
    return [...out].map((word) => word.toString(16).padStart(8, "0")).join(" ");
  };

  it("gives Random123's known answers for philox4x32-10", () => {
    const ones = 0xffffffff;
    expect(block([0, 0, 0, 0], [0, 0])).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    expect(block([ones, ones, ones, ones], [ones, ones])).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toBe(
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    );
  });

  it("takes word i & 3 of block i >>> 2, keyed by seed, step and site", () => {
    const key: PhiloxKey = { seed: 0x123456789abn, step: 7, site: 3 };
    const uniform = new Float32Array(6);
    philoxUniform(uniform, key);
    const words = new Uint32Array(4);
    philox4x32(new Uint32Array([1, 3, 7, 0]), new Uint32Array([0x456789ab, 0x123]), words);
    expect(uniform[5]).toBe((words[1] >>> 8) * 2 ** -24);

    const normal = new Float64Array(8);
    philoxNormal(normal, key);
    const r = Math.sqrt(-2 * Math.log(((words[2] >>> 8) + 1) * 2 ** -24));
    const theta = 2 * Math.PI * (words[3] >>> 8) * 2 ** -24;
    expect(normal[6]).toBeCloseTo(r * Math.cos(theta), 12);
    expect(normal[7]).toBeCloseTo(r * Math.sin(theta), 12);
  });

  it("gives a longer array the same beginning", () => {
    const draw = (n: number) => {
      const out = new Float32Array(n);
      philoxNormal(out, { seed: 1, step: 2, site: 3 });
      return [...out];
    };
    const long = draw(64);
    for (let n = 0; n < 64; n++) expect(draw(n)).toEqual(long.slice(0, n));
  });

  it("is uniform in [0, 1) and standard normal", () => {
    const n = 100_000;
    const key = { seed: 0, step: 0, site: 0 };
    const uniform = new Float32Array(n);
    philoxUniform(uniform, key);
    const mean = uniform.reduce((sum, x) => sum + x, 0) / n;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.005);
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
    const normal = new Float64Array(n);
    philoxNormal(normal, key);
    const moment = (p: number) => normal.reduce((sum, x) => sum + x ** p, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(0.015);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
  });

  it("refuses keys out of range", () => {
    const out = new Float32Array(1);
    expect(() => philoxUniform(out, { seed: -1, step: 0, site: 0 })).toThrow("seed is -1");
    expect(() => philoxUniform(out, { seed: 0, step: 2 ** 32, site: 0 })).toThrow("step is 4294967296");
    expect(() => philoxNormal(out, { seed: 0, step: 0, site: 0.5 })).toThrow("site is 0.5");
  });
});
