// Machine code for macOS, as far as another system can run it: the functions by which it waits are JavaScript's here, and
// write down what they get.

import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { encodeNativeModule } from "../../src/engine/backends/cpu/native/module.ts";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import type { ImportedFunction, RecordedFunction } from "../../src/engine/backends/cpu/simd/statement.ts";
import { libraryOf } from "../../src/platform/node/native_library.ts";
import { native, nativeSets } from "../support/native_machine.ts";

const BYTES = 4096;
const TIMED_OUT = -60;

describe.skipIf(nativeSets.length === 0)("code for macOS", () => {
  /** Calls `main` with memory and numbers. @param answer of the functions that are called */
  function run(main: RecordedFunction, numbers: readonly number[], answer = 0) {
    if (native === undefined) throw new Error("no machine code here");
    const machine = native;
    const koffi = libraryOf(createRequire(import.meta.url).resolve("koffi"));
    const calls: number[][] = [];
    const registered = [
      ["int (uint32_t, int64_t, uint64_t, uint32_t)", answer],
      ["int (uint32_t, int64_t, uint64_t)", answer],
      ["uint64_t (int)", 12_345_678_900],
    ].map(([type, result]) =>
      koffi.register(
        (...args: (number | bigint)[]) => {
          calls.push(args.map(Number));
          return result;
        },
        koffi.pointer(koffi.proto(String(type))),
      ),
    );
    const [ulockWait, ulockWake, clockNanoseconds] = registered.map((f) => Number(koffi.address(f)));
    const system = { kind: "macos", ulockWait, ulockWake, clockNanoseconds } as const;
    const data = machine.reserve(BYTES);
    machine.commit(data, BYTES);
    try {
      return nativeSets.map((instructions) => {
        calls.length = 0;
        const { code, entries } = encodeNativeModule({ instructions, system, exports: { main } });
        const at = machine.mapCode(code);
        const result = machine.call(at + (entries.get("main") ?? 0), [data, ...numbers]);
        machine.unmapCode(at, code.byteLength);
        return {
          data,
          result,
          floats: new Float64Array(machine.view(data, BYTES)).slice(),
          calls: [...calls],
        };
      });
    } finally {
      machine.release(data, BYTES);
      for (const f of registered) koffi.unregister(f);
    }
  }
  const kernel = (params: number) =>
    new KernelBuilder("main", {
      params: Array.from({ length: params }, () => "i32" as const),
      result: "i32",
    });

  test("waiting: woken, different, over, for ever", () => {
    const k = kernel(3);
    const [memory, expected, bits] = k.parameters;
    const alive = k.let(s.vadd(s.loadV(memory, 64), s.vconst(1)));
    const result = k.atomicWait(memory, expected, s.i64(5_000_000), 8);
    k.storeV(memory, alive, 128);
    k.return(s.iadd(s.imul(result, s.i32(10)), bits));
    for (const { data, result: got, floats, calls } of run(k, [0, 7], 3)) {
      expect(got).toBe(7);
      expect(new Float32Array(floats.buffer)[32]).toBe(1);
      expect(calls).toEqual([[0x01000001, data + 8, 0, 4883]]); // microseconds
    }
    for (const { result: got, calls } of run(k, [1, 7])) expect([got, calls]).toEqual([17, []]);
    for (const { result: got } of run(k, [0, 7], TIMED_OUT)) expect(got).toBe(27);
    const forEver = kernel(2);
    const waited = forEver.atomicWait(forEver.param(0), forEver.param(1));
    forEver.return(waited);
    for (const { calls } of run(forEver, [0])) expect(calls[0]?.[3]).toBe(0);
  });

  test("waking one, and all", () => {
    const k = kernel(2);
    k.atomicNotify(k.param(0), k.param(1), 16);
    k.return(s.i32(5));
    for (const [count, operation] of [
      [1, 0x1],
      [-1, 0x101],
      [2, 0x101],
    ])
      for (const { data, result, calls } of run(k, [count]))
        expect([result, calls]).toEqual([5, [[operation, data + 16, 0]]]);
  });

  test("the time", () => {
    const now: ImportedFunction = { kind: "import", module: "env", name: "now", params: [], result: "f64" };
    const k = kernel(1);
    k.storeF64(k.param(0), k.callValue(now), 8);
    k.return(s.i32(0));
    for (const { floats, calls } of run(k, [])) {
      expect(floats[1]).toBeCloseTo(12_345.6789, 6);
      expect(calls).toEqual([[8]]);
    }
  });
});
