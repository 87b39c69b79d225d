// Every operation of the kernel language gives the same bits in machine code as in WebAssembly.

import { describe, expect, test } from "vitest";
import {
  type LaneOperation,
  laneOperation,
  OPERATIONS,
  type Operation,
  operation,
} from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { nativeSets } from "../support/native_machine.ts";
import { compileLowered } from "./cpu_kernel_harness.ts";
import { kernelOf, runEverywhere, type Subject } from "./native_operation_cases.ts";
import type { Domain } from "./native_values.ts";

const isOperation = (name: string): name is Operation => name in OPERATIONS;

/** Of two NaNs, engines may choose either: of these the NaNs are not compared. */
const ARITHMETIC: ReadonlySet<Operation> = new Set([
  ...(["f32.add", "f32.max", "f32x4.add", "f32x4.sub", "f32x4.mul", "f32x4.div", "f32x4.min"] as const),
  ...(["f32x4.max", "f32x4.fma", "f32x4.fnma", "f32x4.sqrt", "f32x4.floor", "f32x4.ceil"] as const),
  ...(["f32x4.trunc", "f64x2.mul", "f64x2.promote_low_f32x4", "f32x4.demote_f64x2_zero"] as const),
]);
/** Of one vector only. */
const NARROW: ReadonlySet<Operation> = new Set([
  ...(["f64x2.splat", "f64x2.promote_low_f32x4", "f32x4.demote_f64x2_zero"] as const),
]);
/** Operations on other values than those that its types suggest. */
const DOMAINS: Readonly<Partial<Record<Operation, readonly Domain[]>>> = {
  "i32.div_u": ["numerators", "divisors"],
  "i32.rem_u": ["numerators", "divisors"],
  "i32.shl": ["integers", "counts"],
  "i32.shr_u": ["integers", "counts"],
  "i32x4.shl": ["lanes", "counts"],
  "i32x4.shr_s": ["lanes", "counts"],
  "i32x4.shr_u": ["lanes", "counts"],
  "v128.laneselect": ["lanes", "lanes", "masks"],
  "f64x2.mul": ["doubles", "doubles"],
  "f32x4.demote_f64x2_zero": ["doubles"],
};
const domainsOf = (signature: string): Domain[] =>
  [...signature.slice(0, signature.indexOf(">"))].map((letter) =>
    letter === "i" ? "integers" : letter === "d" ? "doubles" : "lanes",
  );

/** Calls of functions, which alone take and give 64-bit integers, have tests of their own (native_calls.test.ts). */
const operations = Object.keys(OPERATIONS).filter(
  (name): name is Operation => isOperation(name) && name !== "i64.select",
);

describe.skipIf(nativeSets.length === 0)("as in WebAssembly", () => {
  test.each(operations)("%s", (op) => {
    const signature = OPERATIONS[op];
    const subject: Subject = {
      signature,
      apply: (...args) => operation(op, ...args),
      domains: DOMAINS[op] ?? domainsOf(signature),
      isExact: !ARITHMETIC.has(op),
      isLanewise: !NARROW.has(op),
      needsConstant: signature === "vi>v",
    };
    expect(runEverywhere(subject)).toBeGreaterThan(5);
  });

  test.each([
    ["veq", s.veq],
    ["vne", s.vne],
    ["vlt", s.vlt],
    ["vle", s.vle],
    ["vgt", s.vgt],
    ["xlt", s.xlt],
  ])("a choice by %s", (_, compare) => {
    const choice = (signature: string, apply: Subject["apply"]): Subject => ({
      ...{ signature, apply, domains: domainsOf(signature), isExact: true, isLanewise: true },
    });
    runEverywhere(choice("vv>v", (a, b) => s.vselect(compare(a, b), a, b)));
    runEverywhere(choice("vv>v", (a, b) => s.vselect(compare(a, b), b, s.vconst(3))));
    runEverywhere(choice("vvv>v", (a, b, c) => s.vselect(compare(a, b), s.vnot(a), c)));
  });

  const each = (count: number) => Array.from({ length: count }, (_, lane) => [lane]);
  const LANES: Readonly<Record<LaneOperation, readonly [string, readonly (readonly number[])[]]>> = {
    "f32x4.extract_lane": ["v>f", each(4)],
    "i32x4.extract_lane": ["v>i", each(4)],
    "f64x2.extract_lane": ["v>d", each(2)],
    "f32x4.replace_lane": ["vf>v", each(4)],
    "i32x4.replace_lane": ["vi>v", each(4)],
    // Lanes interleaved; two of each; one from one and three from the other; all from one.
    shuffle4: [
      "vv>v",
      [
        [0, 4, 1, 5],
        [2, 6, 3, 7],
        [3, 0, 6, 5],
        [4, 7, 1, 1],
        [0, 5, 2, 7],
        [7, 2, 4, 6],
        [1, 1, 3, 0],
      ],
    ],
  };
  const isLaneOperation = (name: string): name is LaneOperation => name in LANES;
  test.each(Object.keys(LANES).filter(isLaneOperation))("%s", (op) => {
    const [signature, choices] = LANES[op];
    for (const lanes of choices)
      runEverywhere({
        ...{ signature, domains: domainsOf(signature), isExact: true, isLanewise: false },
        apply: (...args) => laneOperation(op, args, lanes),
      });
  });

  test("every shuffle of two vectors, and of one", () => {
    const lowered = kernelOf((k) => {
      const [p, q] = [k.let(s.loadV(k.buffer(0))), k.let(s.loadV(k.buffer(0), 16))];
      for (let i = 0; i < 8 ** 4; i++) {
        const lanes = [i & 7, (i >> 3) & 7, (i >> 6) & 7, i >> 9] as const;
        k.storeV(k.buffer(1), s.shuffle(p, i % 5 === 0 ? p : q, lanes), 16 * i);
      }
    }, 1);
    const program = compileLowered(lowered, [Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8)], [4 * 8 ** 4]);
    program.run();
    const words = new Int32Array(program.outputs[0]!.buffer, program.outputs[0]!.byteOffset);
    expect([...words.subarray(4 * 0o6174, 4 * 0o6174 + 4)]).toEqual([5, 8, 2, 7]);
  });
});
