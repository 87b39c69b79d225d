// Functions with more values than the machine has registers, loops in loops, joined conditions, and division: machine
// code gives what WebAssembly gives.

import { describe, expect, test } from "vitest";
import type { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import type { Expr, Var } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { nativeSets } from "../support/native_machine.ts";
import { compileLowered, noise } from "./cpu_kernel_harness.ts";
import { kernelOf } from "./native_operation_cases.ts";
import { randomWords } from "./native_values.ts";

/** Runs a kernel of one input and one output; the output's words. */
function run(
  emit: (k: KernelBuilder) => void,
  input: Float32Array | Int32Array,
  outputSize: number,
): Int32Array {
  const program = compileLowered(kernelOf(emit, 1), [input], [outputSize]);
  program.run();
  program.checkGuards();
  const output = program.outputs[0]!;
  return new Int32Array(output.buffer, output.byteOffset, output.length);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe.skipIf(nativeSets.length === 0)("as in WebAssembly", () => {
  const VECTORS = 45;

  test.each([
    ["one by one", 1],
    ["two at once", 2],
    ["as many as a register holds", undefined],
  ] as const)("45 vectors are alive at once, in a loop and over a branch, %s", (_, group) => {
    const emit = (k: KernelBuilder): void => {
      const count = group ?? k.width;
      const [x, out] = [k.buffer(0), k.buffer(1)];
      k.loop(
        64,
        (at) => {
          k.vectors(count, () => {
            const from = s.iadd(x, at);
            const values = range(VECTORS).map((i) => k.let(s.loadV(from, 64 * i)));
            const next = (i: number, by = 1): Var => values[(i + by) % VECTORS];
            k.loop(5, (round) => {
              values.forEach((value, i) => {
                k.set(value, s.vfma(value, s.vconst(0.5), next(i)));
              });
              k.if(
                s.iand(round, s.i32(1)),
                () => {
                  // Each form of instruction meets operands and results that live in memory.
                  values.forEach((value, i) => {
                    k.set(value, s.vselect(s.vlt(value, next(i)), next(i, 2), value));
                  });
                  k.set(values[7], s.vmax(values[9], values[44]));
                  k.set(values[43], s.vfnma(values[2], values[43], values[41]));
                  k.set(values[42], s.vfromI32(s.vtoI32(s.vmul(values[42], s.vconst(1000)))));
                  k.set(values[40], s.vpmin(values[40], s.vsqrt(s.vabs(values[39]))));
                },
                () => {
                  values.forEach((value, i) => {
                    k.set(value, s.vsub(next(i, 3), s.vmul(value, value)));
                  });
                  k.set(values[5], s.select(s.igt(round, s.i32(2)), values[38], values[37]));
                },
              );
            });
            values.forEach((value, i) => {
              k.storeV(s.iadd(out, at), value, 64 * i);
            });
          });
        },
        { step: 16 * count },
      );
    };
    const output = run(emit, noise(16 * VECTORS, 3), 16 * VECTORS);
    expect(new Set(output).size).toBeGreaterThan(VECTORS);
  });

  test("lanes and shuffles of vectors that live in memory", () => {
    const emit = (k: KernelBuilder): void => {
      const values = range(VECTORS).map((i) => k.let(s.loadV(k.buffer(0), 16 * i)));
      k.loop(3, () => {
        values.forEach((value, i) => {
          const other = values[(i * 7 + 3) % VECTORS];
          const number = k.let(s.extractLane(other, i % 4));
          const bits = k.let(s.iand(s.xextractLane(other, (i + 1) % 4), s.i32(255)));
          k.set(value, s.vadd(s.shuffle(value, other, [0, 5, 2, 7]), s.replaceLane(other, i % 4, number)));
          k.set(value, s.vadd(value, s.vfromI32(s.xsplat(bits))));
        });
      });
      values.forEach((value, i) => {
        k.storeV(k.buffer(1), value, 16 * i);
      });
    };
    run(emit, noise(4 * VECTORS, 4), 4 * VECTORS);
  });

  test("35 integers are alive at once, in loops and over branches", () => {
    const COUNT = 35;
    const emit = (k: KernelBuilder): void => {
      const out = k.buffer(1);
      const values = range(COUNT).map((i) => k.let(s.loadI32(k.buffer(0), 4 * i)));
      const next = (i: number, by = 1): Var => values[(i + by) % COUNT];
      const small = (e: Expr): Expr => s.iand(e, s.i32(0xfffff));
      k.loop(7, (round) => {
        values.forEach((value, i) => {
          k.set(value, small(s.iadd(s.imul(s.iand(value, s.i32(1023)), s.i32(i + 3)), next(i))));
        });
        k.for(round, s.iadd(round, s.i32(3)), s.i32(2), (j) => {
          values.forEach((value, i) => {
            const divisor = k.let(s.iadd(s.iand(next(i, 2), s.i32(15)), s.i32(1)));
            const parts = [
              () => s.idivU(value, divisor),
              () => s.iadd(s.iremU(value, divisor), j),
              () => s.select(s.ilt(value, next(i, 5)), next(i, 6), value),
              () => s.imul(s.iand(value, s.i32(511)), s.iand(next(i), s.i32(511))),
              () => s.iadd(s.ishrU(value, s.iand(j, s.i32(3))), s.isub(next(i, 3), next(i, 4))),
              () => s.ior(s.imul(value, s.i32(4)), s.inot(next(i, 7))),
              () => s.iadd(s.ieq(value, next(i, 8)), next(i, 9), value),
            ];
            k.set(value, small(parts[i % parts.length]()));
          });
          k.if(
            s.ilt(values[3], values[30]),
            () => k.set(values[34], small(s.iadd(values[0], j))),
            () => k.set(values[1], small(s.isub(values[34], round))),
          );
        });
        values.forEach((value, i) => {
          k.storeI32(s.iadd(out, s.imul(round, s.i32(4 * COUNT))), value, 4 * i);
        });
      });
    };
    const random = randomWords(5);
    const input = Int32Array.from({ length: COUNT }, () => random() >>> 12);
    const output = run(emit, input, 7 * COUNT);
    expect(new Set(output).size).toBeGreaterThan(COUNT);
  });

  test("loops in loops, with variables from inside and outside", () => {
    const emit = (k: KernelBuilder): void => {
      const [x, out] = [k.buffer(0), k.buffer(1)];
      const sum = k.let(s.vconst(1));
      const steps = k.let(s.i32(0));
      k.for(2, s.loadI32(out, 60), 3, () => k.set(steps, s.iadd(steps, s.i32(1))));
      k.loop(4, (i) => {
        const row = k.let(s.vconst(0));
        k.for(i, 6, 1, (j) => {
          const factor = k.let(s.loadSplat(s.iadd(x, s.imul(j, s.i32(4)))));
          k.for(s.i32(0), s.iadd(j, s.i32(-2)), s.iadd(i, s.i32(1)), (l) => {
            k.set(row, s.vfma(factor, s.loadV(s.iadd(x, s.imul(l, s.i32(16)))), row));
            k.set(steps, s.iadd(steps, s.i32(1)));
          });
          k.if(s.ieq(j, s.i32(4)), () => k.set(sum, s.vsub(row, sum)));
        });
        k.set(sum, s.vadd(sum, row));
        k.storeV(s.iadd(out, s.imul(i, s.i32(16))), sum);
      });
      k.storeI32(out, steps, 64);
    };
    const output = run(
      (k) => {
        k.storeI32(k.buffer(1), s.i32(9), 60);
        emit(k);
      },
      noise(32, 6),
      17,
    );
    // 2, 5, 8; and for each i, j the l below j - 2 in steps of i + 1.
    const inner = range(4).flatMap((i) =>
      range(6 - i).map((j) => Math.max(0, Math.ceil((j + i - 2) / (i + 1)))),
    );
    expect(output[16]).toBe(3 + inner.reduce((sum, count) => sum + count));
  });

  test("while, with conditions joined by and, or and not", () => {
    type Join = (a: Expr, b: Expr, c: Expr) => Expr;
    const joins: readonly [Join, (a: boolean, b: boolean, c: boolean) => boolean][] = [
      [(a, b) => s.iand(a, b), (a, b) => a && b],
      [(a, b) => s.ior(a, b), (a, b) => a || b],
      [(a, b, c) => s.iand(s.ior(a, b), c), (a, b, c) => (a || b) && c],
      [(a, b, c) => s.ior(s.iand(a, b), c), (a, b, c) => (a && b) || c],
      [(a, b, c) => s.iand(a, s.iand(b, c)), (a, b, c) => a && b && c],
      [(a, b, c) => s.ior(a, s.ior(b, c)), (a, b, c) => a || b || c],
      [(a, b, c) => s.ior(s.inot(a), s.iand(b, s.inot(c))), (a, b, c) => !a || (b && !c)],
      [(a, b, c) => s.iand(s.ior(a, b), s.ior(s.inot(b), c)), (a, b, c) => (a || b) && (!b || c)],
    ];
    const LIMIT = 40;
    const emit = (k: KernelBuilder): void => {
      joins.forEach(([join], number) => {
        k.loop(27, (start) => {
          const [i, j, l] = [1, 3, 9].map((by) => k.let(s.iremU(s.idivU(start, s.i32(by)), s.i32(3))));
          const steps = k.let(s.i32(0));
          const condition = join(s.ilt(i, s.i32(5)), s.ine(j, s.i32(4)), s.iltU(l, s.iadd(i, s.i32(2))));
          k.while(s.iand(s.ilt(steps, s.i32(LIMIT)), condition), () => {
            k.set(steps, s.iadd(steps, s.i32(1)));
            k.set(i, s.iadd(i, s.i32(1)));
            k.set(j, s.iremU(s.iadd(j, s.i32(2)), s.i32(7)));
            k.if(join(s.igt(j, l), s.ieq(i, j), s.i32(1)), () => k.set(l, s.iadd(l, s.i32(1))));
          });
          k.storeI32(s.iadd(k.buffer(1), s.imul(start, s.i32(4))), steps, 108 * number);
        });
      });
    };
    const output = run(emit, Int32Array.of(0), 27 * joins.length);
    joins.forEach(([, join], number) => {
      const wanted = range(27).map((start) => {
        let [i, j, l] = [1, 3, 9].map((by) => Math.floor(start / by) % 3);
        let steps = 0;
        while (steps < LIMIT && join(i < 5, j !== 4, l < i + 2)) {
          steps++;
          i++;
          j = (j + 2) % 7;
          if (join(j > l, i === j, true)) l++;
        }
        return steps;
      });
      expect([...output.subarray(27 * number, 27 * number + 27)]).toEqual(wanted);
    });
  });

  test("branches by every comparison, of negative and large numbers", () => {
    const compare = [s.ieq, s.ine, s.ilt, s.iltU, s.igt, (a: Expr) => s.inot(a), (a: Expr) => a];
    const numbers = [0, 1, -1, 127, 128, -128, -129, 2 ** 31 - 1, -(2 ** 31)];
    const size = numbers.length ** 2;
    const emit = (k: KernelBuilder): void => {
      compare.forEach((condition, i) => {
        numbers.forEach((number, j) => {
          k.loop(numbers.length, (l) => {
            const x = k.let(s.loadI32(s.iadd(k.buffer(0), s.imul(l, s.i32(4)))));
            const y = k.let(s.loadI32(k.buffer(0), 4 * j));
            const result = k.let(s.i32(0));
            const add = (bits: number) => () => k.set(result, s.iadd(result, s.i32(bits)));
            k.if(condition(x, y), add(1));
            k.if(condition(x, s.i32(number)), add(2), add(4));
            k.if(s.inot(condition(x, y)), add(8));
            k.if(s.ine(condition(y, x), s.i32(0)), add(16));
            k.set(result, s.iadd(result, s.imul(condition(x, y), s.i32(1 << 20))));
            // Two numbers that are no truths: some bits are ones in both.
            k.if(s.iand(x, y), add(32));
            k.if(s.ior(x, y), add(64), add(128));
            const to = s.iadd(k.buffer(1), s.imul(l, s.i32(4)));
            k.storeI32(to, s.iand(result, s.i32(0xfffffff)), 4 * (size * i + numbers.length * j));
          });
        });
      });
    };
    const output = run(emit, Int32Array.from(numbers), compare.length * size);
    // 128 and -128: neither equal nor 0.
    expect(output[5 * 9 + 4] & 0xff).toBe(4 + 8 + 32 + 64);
  });

  describe("quotients and remainders of numbers below 2^31", () => {
    const random = randomWords(7);
    const near = (by: number): number[] => {
      const most = Math.floor((2 ** 31 - 1) / by) * by;
      return [most, most - 1, Math.min(most + by - 1, 2 ** 31 - 1), by, by - 1, 7 * by, 7 * by - 1];
    };
    const numerators = [
      ...[0, 1, 2, 2 ** 31 - 1, 2 ** 31 - 2, 2 ** 30, 2 ** 16, 2 ** 16 - 1, 2 ** 24 + 1],
      ...range(200).map((i) => random() >>> (1 + (i % 24))),
    ];
    const divisors = range(300).map((i) => i + 1);

    test("by constants from 1 to 300", () => {
      const emit = (k: KernelBuilder): void => {
        divisors.forEach((by, i) => {
          k.loop(numerators.length, (j) => {
            const x = k.let(s.loadI32(s.iadd(k.buffer(0), s.imul(j, s.i32(4)))));
            const to = s.iadd(k.buffer(1), s.imul(j, s.i32(8)));
            k.storeI32(to, s.idivU(x, s.i32(by)), 8 * numerators.length * i);
            k.storeI32(to, s.iremU(x, s.i32(by)), 8 * numerators.length * i + 4);
          });
          near(by).forEach((x, j) => {
            const value = k.let(s.i32(x));
            const at = 8 * (numerators.length * divisors.length + near(by).length * i + j);
            k.storeI32(k.buffer(1), s.idivU(value, s.i32(by)), at);
            k.storeI32(k.buffer(1), s.iremU(value, s.i32(by)), at + 4);
          });
        });
      };
      const size = 2 * divisors.length * (numerators.length + near(1).length);
      const output = run(emit, Int32Array.from(numerators), size);
      const wanted = [
        ...divisors.flatMap((by) => numerators.flatMap((x) => [Math.floor(x / by), x % by])),
        ...divisors.flatMap((by) => near(by).flatMap((x) => [Math.floor(x / by), x % by])),
      ];
      expect(output).toEqual(Int32Array.from(wanted));
    });

    test("by variables", () => {
      const by = [1, 2, 3, 5, 7, 10, 255, 256, 641, 65536, 65537, 2 ** 30, 2 ** 31 - 1];
      const emit = (k: KernelBuilder): void => {
        by.forEach((_, i) => {
          const divisor = k.let(s.loadI32(k.buffer(0), 4 * (numerators.length + i)));
          k.loop(numerators.length, (j) => {
            const x = k.let(s.loadI32(s.iadd(k.buffer(0), s.imul(j, s.i32(4)))));
            const to = s.iadd(k.buffer(1), s.imul(j, s.i32(8)));
            k.storeI32(to, s.idivU(x, divisor), 8 * numerators.length * i);
            k.storeI32(to, s.iremU(x, divisor), 8 * numerators.length * i + 4);
          });
        });
      };
      const output = run(emit, Int32Array.from([...numerators, ...by]), 2 * by.length * numerators.length);
      const wanted = by.flatMap((d) => numerators.flatMap((x) => [Math.floor(x / d), x % d]));
      expect(output).toEqual(Int32Array.from(wanted));
    });
  });
});
