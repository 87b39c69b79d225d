// The elementary functions give the doubles nearest to the true values.

import { describe, expect, test } from "vitest";
import * as exact from "../../src/engine/math/index.ts";
import { argumentsOf, call, hashes, NAMES } from "./math_cases.ts";
import { HASHES } from "./math_hashes.ts";
import { isNearest } from "./math_truth.ts";

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  5e-324,
  -5e-324,
  2,
  -2,
  3,
  -3,
  0.5,
  -0.5,
  1e308,
  -1e308,
];

describe("elementary functions", () => {
  test.each(NAMES)("%s is the nearest double", (name) => {
    const wrong: string[] = [];
    for (const args of argumentsOf(name, 1500, 1000)) {
      const y = call(name, args);
      const isPlain = Number.isFinite(y) && y !== 0 && args.every((x) => Number.isFinite(x) && x !== 0);
      const isSpecial = !isPlain || Math.abs(y) === 1 || (name === "pow" && args[0] < 0);
      const reference = Math[name](args[0], args[1] ?? 0);
      if (isSpecial ? !isAbout(y, reference) : !isNearest(name, args, y)) {
        wrong.push(`${name}(${args.join(", ")}) is ${y}, Math's ${reference}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(NAMES)("%s has Math's special values", (name) => {
    const isTwofold = name === "atan2" || name === "hypot" || name === "pow";
    for (const x of SPECIAL) {
      for (const y of isTwofold ? SPECIAL : [0]) {
        const [found, wanted] = [call(name, [x, y]), Math[name](x, y)];
        if (!isAbout(found, wanted)) expect(found, `${name}(${x}, ${y})`).toBe(wanted);
      }
    }
  });

  test("known values", () => {
    expect([exact.exp(1), exact.log(10), exact.sin(1), exact.cos(1)]).toEqual([
      Math.E,
      Math.LN10,
      0.8414709848078965,
      0.5403023058681398,
    ]);
    expect([exact.sin(Math.PI), exact.cos(Math.PI / 2)]).toEqual([
      1.2246467991473532e-16, 6.123233995736766e-17,
    ]);
    expect([exact.tan(1e22), exact.sin(1e22), exact.cos(2 ** 1023)]).toEqual([
      -1.6287782256068988, -0.8522008497671888, -0.826369834614148,
    ]);
    expect([exact.log2(2 ** -1074), exact.log10(1e15), exact.cbrt(-27), exact.hypot(3, 4)]).toEqual([
      -1074, 15, -3, 5,
    ]);
    expect([
      exact.exp(-745.1332191019411),
      exact.exp(-745.1332191019412),
      exact.exp(709.782712893384),
    ]).toEqual([5e-324, 0, 1.7976931348622732e308]);
    expect([exact.expm1(1e-300), exact.log1p(-1e-300), exact.tanh(1e-300), exact.atan(-1e-300)]).toEqual([
      1e-300, -1e-300, 1e-300, -1e-300,
    ]);
    expect([
      exact.atan2(5e-324, 1e308),
      exact.atan2(5e-324, 2),
      exact.atan2(3, 0),
      exact.atan2(0, -1),
    ]).toEqual([0, 0, Math.PI / 2, Math.PI]);
  });

  test("a result in the middle of two doubles is the even one", () => {
    // (2^27 + 1)^2 = 2^54 + 2^28 + 1
    expect(exact.pow(134217729, 2)).toBe(134217729 * 134217729);
    expect(exact.pow(2 ** 27 + 3, 2)).toBe((2 ** 27 + 3) * (2 ** 27 + 3));
    expect(exact.pow(exact.pow(2, 36) + exact.pow(2, 19) * 3, 1.5)).toBeGreaterThan(0);
    expect([
      exact.pow(2, -1075),
      exact.pow(2, -1074),
      exact.pow(2, -1074.5),
      exact.pow(3 * 2 ** -537, 2),
    ]).toEqual([0, 5e-324, 5e-324, 9 * 2 ** -1074]);
    for (let i = 1; i < 2000; i++) {
      const x = 2 ** 26 + 7919 * i;
      if (exact.pow(x, 2) !== x * x) expect(exact.pow(x, 2), `${x} ** 2`).toBe(x * x);
    }
  });

  test("the same bits everywhere", () => {
    expect(hashes()).toEqual(HASHES);
  });
});

/** Math's last bits are the engine's. */
function isAbout(x: number, y: number): boolean {
  if (Number.isNaN(x) || Number.isNaN(y) || x === 0 || y === 0) return Object.is(x, y);
  return x === y || Math.abs(x - y) <= 4 * 2 ** -52 * Math.abs(y);
}
