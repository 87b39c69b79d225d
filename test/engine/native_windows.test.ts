// Machine code for Windows, as far as another system can run it: its door is called, and it calls functions, by the
// convention of Windows. The functions here write down what they get and destroy all that functions may destroy.

import { describe, expect, test } from "vitest";
import { encodeNativeModule } from "../../src/engine/backends/cpu/native/module.ts";
import { Assembler } from "../../src/engine/backends/cpu/native/x64/assembler.ts";
import { SYSTEM_V, WINDOWS } from "../../src/engine/backends/cpu/native/x64/conventions.ts";
import * as r from "../../src/engine/backends/cpu/native/x64/registers.ts";
import { VECTOR } from "../../src/engine/backends/cpu/native/x64/vector_opcodes.ts";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import type { Expr } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import type { ImportedFunction, RecordedFunction } from "../../src/engine/backends/cpu/simd/statement.ts";
import { native, nativeSets } from "../support/native_machine.ts";

const PAGE = 4096;
const at = (base: number, disp: number) => ({ kind: "address", base, disp }) as const;
const VOLATILE = [r.RCX, r.RDX, r.R8, r.R9, r.R10, r.R11];

/** What a function of the system writes down: which it was, its arguments, the word that the second points to. */
const LOG = { which: 0, args: 8, pointed: 40, misaligned: 48, result: 56, bytes: 64 } as const;

/** A function of the system that writes to `log`, and returns what stands there as its result. */
function systemFunction(which: number, log: number, pointers: boolean): Uint8Array {
  const a = new Assembler(false);
  const store = (disp: number, from: number) => a.store64(at(r.RAX, disp), from);
  a.moveConstant(r.RAX, log);
  a.moveConstant(r.R10, which);
  store(LOG.which, r.R10);
  WINDOWS.arguments.forEach((register, i) => {
    store(LOG.args + 8 * i, register);
  });
  if (pointers) {
    a.loadI32(r.R10, at(r.RDX, 0));
    store(LOG.pointed, r.R10);
  }
  a.move(r.R10, r.RSP);
  a.withConstant(4, r.R10, 15);
  store(LOG.misaligned, r.R10);
  // The room above the return address belongs to this function.
  for (let room = 0; room < WINDOWS.room; room += 8) a.store64(at(r.RSP, 8 + room), r.R10);
  a.load64(r.RAX, at(r.RAX, LOG.result));
  for (const register of VOLATILE) a.moveConstant(register, -1);
  for (let i = 0; i < 6; i++) a.vector(VECTOR.vxorps, 1, i, i, i);
  a.return();
  return a.finish();
}

/** Writes a count to the address that it gets. */
function counter(count: number): Uint8Array {
  const a = new Assembler(false);
  a.moveConstant(r.RAX, count);
  a.store64(at(r.RCX, 0), r.RAX);
  a.moveConstant(r.RAX, 1);
  a.return();
  return a.finish();
}

/** What Windows preserves has these values at the call; afterwards it is stored at `seen`. */
const VALUE = 1000;
/** A function by System V's convention that calls one by that of Windows with the same six integers. */
function adapter(target: number, seen: number): Uint8Array {
  const a = new Assembler(false);
  for (const register of SYSTEM_V.preserved) a.push(register);
  const frame = 8 + 64; // the return address and six registers lie above: a multiple of 16
  a.withConstant(5, r.RSP, frame);
  SYSTEM_V.arguments.forEach((register, i) => {
    a.store64(at(r.RSP, 8 * i), register);
  });
  // Arguments 4 and 5 are in place, above the callee's room.
  WINDOWS.arguments.forEach((register, i) => {
    a.load64(register, at(r.RSP, 8 * i));
  });
  for (const register of WINDOWS.preserved) a.moveConstant(register, VALUE + register);
  for (const register of WINDOWS.preservedVectors)
    a.vector(VECTOR.vmovups, 1, register, 0, { kind: "pool", words: [register, 1, 2, 3] });
  a.moveConstant(r.RAX, target);
  a.callRegister(r.RAX);
  a.moveConstant(r.R11, seen);
  WINDOWS.preserved.forEach((register, i) => {
    a.store64(at(r.R11, 8 * i), register);
  });
  WINDOWS.preservedVectors.forEach((register, i) => {
    a.vector(VECTOR.vmovupsStore, 1, register, 0, at(r.R11, 64 + 16 * i));
  });
  a.withConstant(0, r.RSP, frame);
  for (const register of SYSTEM_V.preserved.toReversed()) a.pop(register);
  a.return();
  return a.finish();
}

describe.skipIf(native?.architecture !== "x64")("code for Windows, on x86-64", () => {
  /** Calls `main` through the door of Windows; its result and what the function of the system got. */
  function run(main: RecordedFunction, args: readonly number[], waitResult = 1) {
    if (native === undefined) throw new Error("no machine code here");
    const machine = native;
    const [data, log, seen] = [0, 1, 2].map(() => {
      const memory = machine.reserve(PAGE);
      machine.commit(memory, PAGE);
      return memory;
    });
    const mapped: [number, number][] = [];
    const map = (code: Uint8Array): number => {
      const address = machine.mapCode(code);
      mapped.push([address, code.byteLength]);
      return address;
    };
    const logView = new BigInt64Array(machine.view(log, LOG.bytes));
    logView[LOG.result / 8] = BigInt(waitResult);
    try {
      const system = {
        kind: "windows",
        waitOnAddress: map(systemFunction(1, log, true)),
        wakeByAddressSingle: map(systemFunction(2, log, false)),
        wakeByAddressAll: map(systemFunction(3, log, false)),
        queryPerformanceCounter: map(counter(12_345_678)),
        countsPerSecond: 10_000_000,
      } as const;
      return nativeSets.map((instructions) => {
        const { code, entries } = encodeNativeModule({ instructions, system, exports: { main } });
        const door = map(adapter(map(code) + (entries.get("main") ?? 0), seen));
        const result = machine.call(door, [data, ...args]);
        const words = new Int32Array(machine.view(data, PAGE)).slice();
        const preserved = [...new BigInt64Array(machine.view(seen, 64))].map(Number);
        const vectors = [...new Int32Array(machine.view(seen + 64, 160))].filter((_, i) => i % 4 === 0);
        expect(preserved).toEqual(WINDOWS.preserved.map((register) => VALUE + register));
        expect(vectors).toEqual(WINDOWS.preservedVectors);
        const logged = [...logView].map(Number);
        return { data, result, words, logged };
      });
    } finally {
      for (const [address, bytes] of mapped) machine.unmapCode(address, bytes);
      for (const memory of [data, log, seen]) machine.release(memory, PAGE);
    }
  }

  const kernel = (params: number) =>
    new KernelBuilder("main", {
      params: Array.from({ length: params }, () => "i32" as const),
      result: "i32",
    });

  test("six arguments, many registers, and what the caller wants preserved", () => {
    const k = kernel(6);
    const [memory, ...numbers] = k.parameters;
    const vectors = Array.from({ length: 20 }, (_, i) => k.let(s.loadV(memory, 16 * i)));
    k.storeV(
      memory,
      vectors.reduce<Expr>((sum, each) => s.vadd(sum, each), s.vconst(0)),
    );
    k.return(numbers.reduce<Expr>((sum, each) => s.iadd(s.imul(sum, s.i32(10)), each), s.i32(0)));
    for (const { result } of run(k, [1, 2, 3, 4, 5])) expect(result).toBe(12345);
  });

  test("waiting: equal, different, over", () => {
    const k = kernel(3);
    const [memory, expected, bits] = k.parameters;
    const alive = k.let(s.vadd(s.loadV(memory, 64), s.vconst(1)));
    const result = k.atomicWait(memory, expected, s.i64(5_000_000), 8);
    k.storeV(memory, alive, 128);
    k.return(s.iadd(s.imul(result, s.i32(10)), bits));
    for (const { data, result, words, logged } of run(k, [0, 7])) {
      expect(result).toBe(7);
      expect(new Float32Array(words.buffer)[32]).toBe(1);
      expect(logged[0]).toBe(1);
      expect(logged[LOG.args / 8]).toBe(data + 8);
      expect(logged.slice(LOG.args / 8 + 2, LOG.args / 8 + 4)).toEqual([4, 5]);
      expect(logged[LOG.pointed / 8]).toBe(0);
      expect(logged[LOG.misaligned / 8]).toBe(8); // the return address lies below a multiple of 16
    }
    for (const { result, logged } of run(k, [1, 7])) {
      expect(result).toBe(17);
      expect(logged[0]).toBe(0); // nothing was called
    }
    for (const { result } of run(k, [0, 7], 0)) expect(result).toBe(27);
  });

  test("waiting for ever, waking one and all", () => {
    const forEver = kernel(2);
    const waited = forEver.atomicWait(forEver.param(0), forEver.param(1));
    forEver.return(waited);
    for (const { logged } of run(forEver, [0])) expect(logged[LOG.args / 8 + 3]).toBe(0xffffffff);
    const wake = kernel(2);
    wake.atomicNotify(wake.param(0), wake.param(1), 16);
    wake.return(s.i32(5));
    for (const [count, which] of [
      [1, 2],
      [-1, 3],
      [2, 3],
    ])
      for (const { data, result, logged } of run(wake, [count])) {
        expect(result).toBe(5);
        expect(logged.slice(0, 2)).toEqual([which, data + 16]);
      }
  });

  test("the time", () => {
    const now: ImportedFunction = { kind: "import", module: "env", name: "now", params: [], result: "f64" };
    const k = kernel(1);
    k.storeF64(k.param(0), k.callValue(now), 8);
    k.return(s.i32(0));
    for (const { words } of run(k, [])) expect(new Float64Array(words.buffer)[1]).toBeCloseTo(1234.5678, 9);
  });
});
