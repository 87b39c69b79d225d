// Functions that call functions in machine code: values of every type go in and come out, and what is alive outlives
// the call, as in WebAssembly.

import { describe, expect, test } from "vitest";
import { encodeNativeModule } from "../../src/engine/backends/cpu/native/module.ts";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import { type Expr, operation, type ValueType } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import type { ImportedFunction, RecordedFunction } from "../../src/engine/backends/cpu/simd/statement.ts";
import { encodeModule, hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { native, nativeSets } from "../support/native_machine.ts";
import { noise } from "./cpu_kernel_harness.ts";

const BYTES = 65536;
const PAGE = 65536;

/** (address of memory, number) => integer */
const main = (name = "main") => new KernelBuilder(name, { params: ["i32", "i32"], result: "i32" });
const helper = (name: string, params: readonly ValueType[], result?: ValueType) =>
  new KernelBuilder(name, { params, result });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Calls `main` with each number as WebAssembly and as machine code, from the same memory; the results, and that memory. */
function runBoth(
  f: RecordedFunction,
  numbers: readonly number[],
  table: readonly RecordedFunction[] = [],
): { results: number[]; words: Int32Array } {
  if (native === undefined) throw new Error("no machine code here");
  const machine = native;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const words = new Int32Array(memory.buffer);
  const initial = new Int32Array(noise(BYTES / 4, 1).buffer);
  words.set(initial);
  const limits = { initial: BYTES / PAGE, maximum: BYTES / PAGE, shared: true };
  const bytes = encodeModule({ memory: limits, exports: { main: f }, table, relaxed: hasRelaxedSimd() });
  const now = (): number => performance.now();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, now } });
  const wasm = instance.exports.main;
  if (typeof wasm !== "function") throw new Error("no main");
  const results = numbers.map((number): number => Number(wasm(0, number)));
  for (const instructions of nativeSets) {
    const { code, entries } = encodeNativeModule({
      instructions,
      system: machine.system,
      exports: { main: f },
      table,
    });
    const at = machine.mapCode(code);
    const data = machine.reserve(BYTES);
    machine.commit(data, BYTES);
    try {
      const view = new Int32Array(machine.view(data, BYTES));
      view.set(initial);
      const got = numbers.map((number) => machine.call(at + entries.get("main")!, [data, number]));
      expect(got, instructions).toEqual(results);
      expect(view.slice(), instructions).toEqual(words.slice());
    } finally {
      machine.release(data, BYTES);
      machine.unmapCode(at, code.byteLength);
    }
  }
  return { results, words: words.slice() };
}

describe.skipIf(nativeSets.length === 0 || !hasRelaxedSimd())("as in WebAssembly", () => {
  test("arguments and results of every type, more than registers pass", () => {
    const mixed = helper("mixed", ["i32", "f32", "i64", "f64", "i32", "f32", "i32", "i32", "f32"], "f32");
    const [a, x, , w, b, y, c, d, z] = mixed.parameters;
    mixed.storeF64(a, w, 8);
    mixed.storeI32(a, s.iadd(s.imul(b, s.i32(100)), s.imul(c, s.i32(10)), d), 16);
    mixed.return(s.fadd(s.fadd(x, y), z));
    const double = helper("double", ["f64", "i32"], "f64");
    double.return(s.select(double.param(1), double.param(0), s.f64(-2.5)));
    const k = main();
    const [at, n] = k.parameters;
    const w1 = k.callValue(double, s.f64(0.1), n);
    const sum = k.callValue(
      ...([mixed, at, s.loadF32(at, 64), s.i64(-(2 ** 40)), w1, n, s.f32(0.25)] as const),
      ...([s.iadd(n, s.i32(1)), s.i32(7), s.loadF32(at, 68)] as const),
    );
    k.storeF32(at, sum, 4);
    k.return(s.loadI32(at, 16));
    const { results } = runBoth(k, [0, 3]);
    expect(results).toEqual([17, 347]);
  });

  test("a choice of 64-bit integers", () => {
    const choose = helper("choose", ["i64", "i64", "i32"], "i64");
    const [x, y, wanted] = choose.parameters;
    choose.set(x, s.select(wanted, x, y));
    choose.return(operation("i64.select", x, s.i64(-(2 ** 40) - 3), s.ilt(wanted, s.i32(9))));
    const k = helper("main", ["i32", "i32"], "i64");
    const n = k.param(1);
    const large = k.let(s.i64(2 ** 50 + 1));
    k.return(k.callValue(choose, large, s.select(s.igt(n, s.i32(-1)), s.i64(-5), large), n));
    expect(runBoth(k, [0, 1, 9, -1]).results).toEqual([-5, 2 ** 50 + 1, -(2 ** 40) - 3, 2 ** 50 + 1]);
  });

  test.each([10, 50])("%i integers and vectors outlive calls in a loop", (count) => {
    // It uses registers of its own.
    const busy = helper("busy", ["i32", "i32"], "i32");
    const [from, shift] = busy.parameters;
    const own = range(20).map((i) => busy.let(s.loadV(from, 16 * i)));
    const numbers = range(20).map((i) => busy.let(s.iadd(shift, s.i32(i))));
    busy.storeV(
      from,
      own.reduce<Expr>((sum, value) => s.vadd(s.vmul(sum, s.vconst(0.5)), value), s.vconst(0)),
      8192,
    );
    busy.return(s.iand(s.iadd(...numbers), s.i32(0xff)));

    const k = main();
    const [at, n] = k.parameters;
    const vectors = range(count).map((i) => k.let(s.loadV(at, 16 * i)));
    const integers = range(count).map((i) => k.let(s.iadd(s.iand(s.loadI32(at, 4 * i), s.i32(255)), n)));
    const total = k.let(s.i32(0));
    k.loop(s.iadd(n, s.i32(2)), (i) => {
      const got = k.callValue(busy, s.iadd(at, s.imul(i, s.i32(16))), integers[3]);
      k.set(total, s.iadd(total, got));
      k.if(s.igt(got, s.i32(100)), () => {
        k.call(busy, at, got);
        k.set(vectors[1], s.vadd(vectors[1], s.loadV(at, 8192)));
      });
      vectors.forEach((value, j) => {
        k.set(value, s.vfma(value, s.vconst(0.5), s.loadV(at, 8192 + 16 * (j & 1))));
      });
      integers.forEach((value, j) => {
        k.set(value, s.iand(s.iadd(value, got, integers[(j + 1) % count]), s.i32(0xffff)));
      });
    });
    vectors.forEach((value, i) => {
      k.storeV(at, value, 16384 + 16 * i);
    });
    k.return(s.iadd(total, ...integers));
    runBoth(k, [0, 1, 5]);
  });

  test("wide vectors outlive calls", () => {
    const touch = helper("touch", ["i32"], "f32");
    touch.return(s.extractLane(s.vsumLanes(s.loadV(touch.param(0))), 2));
    const k = main();
    const [at, n] = k.parameters;
    k.vectors(2, () => {
      const values = range(6).map((i) => k.let(s.loadV(at, 32 * i)));
      k.loop(3, (i) => {
        const got = k.callValue(touch, s.iadd(at, s.imul(i, s.i32(16))));
        for (const value of values) k.set(value, s.vfma(value, s.splat(got), s.vconst(0.125)));
      });
      values.forEach((value, i) => {
        k.storeV(at, value, 4096 + 32 * i);
      });
    });
    k.return(n);
    runBoth(k, [1]);
  });

  test("a table of functions", () => {
    const signature = { params: ["i32", "f32", "i32"], result: undefined } as const;
    const table = range(5).map((number) => {
      const f = helper(`entry${number}`, signature.params);
      const [at, x, i] = f.parameters;
      f.storeF32(s.iadd(at, s.imul(i, s.i32(4))), s.fadd(x, s.f32(number)), 4096);
      f.storeI32(at, s.iadd(s.loadI32(at, 2048), s.i32(10 ** number)), 2048);
      return f;
    });
    const k = main();
    const [at, n] = k.parameters;
    k.storeI32(at, s.i32(0), 2048);
    const kept = k.let(s.loadV(at));
    const product = k.let(s.i32(1));
    k.loop(n, (i) => {
      const index = k.let(s.iremU(s.imul(i, s.i32(3)), s.i32(5)));
      k.callIndirect(signature, index, at, s.loadF32(s.iadd(at, s.imul(i, s.i32(4)))), i);
      k.set(product, s.iadd(s.imul(product, s.i32(3)), index));
    });
    k.callIndirect(signature, s.i32(4), at, s.f32(1), n);
    k.storeV(at, kept, 3072);
    k.storeI32(at, product, 3088);
    k.return(s.loadI32(at, 2048));
    // Entries 0, 3, 1, 4, 2, 0, 3; then 4.
    expect(runBoth(k, [0, 7], table).results).toEqual([10000, 22112]);
  });

  test("a function that calls itself", () => {
    const f = helper("fibonacci", ["i32"], "i32");
    const [n] = f.parameters;
    f.if(s.ilt(n, s.i32(2)), () => f.return(n));
    const first = f.callValue(f, s.isub(n, s.i32(1)));
    f.return(s.iadd(first, f.callValue(f, s.isub(n, s.i32(2)))));
    const k = main();
    k.return(k.callValue(f, k.param(1)));
    expect(runBoth(k, [1, 10, 15]).results).toEqual([1, 55, 610]);
  });

  test("the time passes", () => {
    const now: ImportedFunction = { kind: "import", module: "env", name: "now", params: [], result: "f64" };
    const k = main();
    const [at, n] = k.parameters;
    const before = k.callValue(now);
    k.call(now);
    k.storeF64(at, s.select(n, before, before), 0);
    // It differs from run to run: only that the numbers are of one sign is kept.
    const high = k.let(s.ilt(s.i32(0), s.loadI32(at, 4)));
    k.storeF64(at, s.f64(0), 0);
    k.return(high);
    expect(runBoth(k, [0, 1]).results).toEqual([1, 1]);
  });
});
