// Loads, stores and atomic operations in machine code, at addresses of every form, as in WebAssembly.

import { describe, expect, test } from "vitest";
import type { KernelBuilder, VectorCount } from "../../src/engine/backends/cpu/simd/builder.ts";
import { type Expr, LOADS, type LoadOperation, load } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import type { AtomicOperation, StoreOperation } from "../../src/engine/backends/cpu/simd/statement.ts";
import { nativeSets } from "../support/native_machine.ts";
import { compileLowered } from "./cpu_kernel_harness.ts";
import { kernelOf } from "./native_operation_cases.ts";
import { randomWords } from "./native_values.ts";

const isLoad = (name: string): name is LoadOperation => name in LOADS;
/** How far apart the vectors of a block lie, where the operation has a meaning for several. */
const VECTOR_BYTES: Readonly<Partial<Record<LoadOperation | StoreOperation, number>>> = {
  "v128.load": 16,
  "v128.load16x4_u": 8,
  "v128.load32_splat": 0,
  "v128.store": 16,
  "v128.store16x4": 8,
};

/** An address that is `at` bytes behind `base`, in the forms that addresses have, with the constant apart. */
const ADDRESSES: readonly ((k: KernelBuilder, base: Expr, at: Expr) => readonly [Expr, number])[] = [
  (_, base, at) => [s.iadd(base, at), 0],
  (_, base, at) => [s.iadd(base, at, s.i32(16)), -16],
  (_, base, at) => [s.isub(s.iadd(at, base), s.i32(256)), 256],
  (k, base, at) => [k.let(s.iadd(base, at)), 0],
  (k, base, at) => [s.iadd(k.let(s.iadd(base, s.i32(-48))), at), 48],
  // An index times 2, 4, 8 and 16.
  (k, base, at) => [s.iadd(base, s.imul(k.let(s.ishrU(at, s.i32(1))), s.i32(2))), 0],
  (k, base, at) => [s.iadd(base, s.imul(k.let(s.ishrU(at, s.i32(2))), s.i32(4)), s.i32(-4)), 4],
  (k, base, at) => [s.iadd(base, s.imul(k.let(s.ishrU(at, s.i32(3))), s.i32(8))), 0],
  (k, base, at) => [s.iadd(base, s.imul(k.let(s.ishrU(at, s.i32(4))), s.i32(16))), 0],
  // Sums of several.
  (k, base, at) => [s.iadd(base, at, s.imul(k.tile, s.i32(4)), k.let(s.i32(-16)), s.i32(12)), 4],
];

const BYTES = 512;
const words = (count: number, seed: number): Int32Array => {
  const random = randomWords(seed);
  return Int32Array.from({ length: count }, () => random() | 0);
};

describe.skipIf(nativeSets.length === 0)("as in WebAssembly", () => {
  /** Calls `block` for every address and width; each has `BYTES` of the output. */
  function everywhere(
    k: KernelBuilder,
    bytes: number | undefined,
    block: (at: Expr, form: (typeof ADDRESSES)[number], offset: number) => void,
  ): void {
    const counts: VectorCount[] = bytes === undefined ? [1] : [1, 2, k.width];
    counts.forEach((count, i) => {
      ADDRESSES.forEach((form, j) => {
        k.loop(
          BYTES / 2,
          (at) => k.vectors(count, () => block(at, form, BYTES * (i * ADDRESSES.length + j))),
          { step: 16 * count },
        );
      });
    });
  }

  test.each(Object.keys(LOADS).filter(isLoad))("%s", (op) => {
    const bytes = VECTOR_BYTES[op];
    const lowered = kernelOf((k) => {
      everywhere(k, bytes, (at, form, offset) => {
        // What is not contiguous in a block is loaded from one place.
        const from = bytes === 8 ? k.let(s.ishrU(at, s.i32(1))) : bytes === 0 ? s.iand(at, s.i32(64)) : at;
        const value = k.let(load(op, ...form(k, k.buffer(0), from)));
        const to = s.iadd(k.buffer(1), at);
        if (value.type === "v128") k.storeV(to, s.vxor(value, s.iconst4(0x5a5a5a5a)), offset);
        else if (value.type === "f32") k.storeF32(to, value, offset);
        else k.storeI32(to, value, offset);
      });
    }, 1);
    const program = compileLowered(lowered, [words(BYTES / 4, 1)], [(3 * ADDRESSES.length * BYTES) / 4]);
    program.run();
    program.checkGuards();
    expect(program.outputs[0]!.some((value) => !Number.isNaN(value))).toBe(true);
  });

  const STORES: Readonly<
    Record<StoreOperation, (k: KernelBuilder, at: Expr, from: Expr, offset: number) => void>
  > = {
    "i32.store": (k, at, from, offset) => k.storeI32(at, s.loadI32(from), offset),
    "i32.store16": (k, at, from, offset) => {
      k.storeI32(at, s.i32(0x12345678), offset); // whose upper half stays
      k.storeU16(at, s.loadI32(from), offset);
    },
    "i32.atomic.store": (k, at, from, offset) => {
      const value = k.let(s.loadI32(from));
      k.atomicStore(at, value, offset);
      k.storeI32(at, value, offset + 4); // which the store must not have changed
    },
    "f32.store": (k, at, from, offset) => k.storeF32(at, s.loadF32(from), offset),
    "f64.store": (k, at, from, offset) =>
      k.storeF64(at, s.select(s.loadI32(from), s.f64(0.1), s.f64(-1e300)), offset),
    "v128.store": (k, at, from, offset) => k.storeV(at, s.vnot(s.loadV(from)), offset),
    "v128.store16x4": (k, at, from, offset) =>
      k.storeU16Lanes(at, s.vand(s.loadV(from), s.iconst4(0xffff)), offset),
    "v128.store32_lane0": (k, at, from, offset) => k.storeLane0(at, s.loadV(from), offset),
    "v128.store64_lane0": (k, at, from, offset) => k.storePair(at, s.loadV(from), offset),
  };
  const isStore = (name: string): name is StoreOperation => name in STORES;
  test.each(Object.keys(STORES).filter(isStore))("%s", (op) => {
    const bytes = VECTOR_BYTES[op];
    const lowered = kernelOf((k) => {
      everywhere(k, bytes, (at, form, offset) => {
        const to = bytes === 8 ? k.let(s.ishrU(at, s.i32(1))) : at;
        const [address, constant] = form(k, k.buffer(1), to);
        STORES[op](k, address, s.iadd(k.buffer(0), at), offset + constant);
      });
    }, 1);
    const program = compileLowered(lowered, [words(BYTES / 4, 2)], [(3 * ADDRESSES.length * BYTES) / 4]);
    program.run();
    program.checkGuards();
    expect(program.outputs[0]!.some((value) => !Number.isNaN(value))).toBe(true);
  });

  /** What the operation gives, on a word that is 40. */
  const ATOMICS: Readonly<
    Record<AtomicOperation, (k: KernelBuilder, at: Expr, offset: number) => readonly Expr[]>
  > = {
    "i32.atomic.rmw.add": (k, at, offset) => [
      k.atomicAdd(at, s.i32(2), offset),
      k.atomicAdd(at, k.let(s.i32(-50)), offset),
      k.atomicAdd(at, s.i32(1), offset),
    ],
    "i32.atomic.rmw.xchg": (k, at, offset) => {
      const value = k.let(s.i32(-3));
      return [k.atomicExchange(at, value, offset), k.atomicExchange(at, s.i32(9), offset), value];
    },
    "i32.atomic.rmw.cmpxchg": (k, at, offset) => {
      const value = k.let(s.i32(-7));
      return [
        k.atomicCompareExchange(at, s.i32(41), value, offset),
        k.atomicCompareExchange(at, s.i32(40), value, offset),
        k.atomicCompareExchange(at, value, s.i32(6), offset),
        value,
      ];
    },
    "memory.atomic.wait32": (k, at, offset) => [
      k.atomicWait(at, s.i32(41), s.i64(-1), offset), // not equal
      k.atomicWait(at, s.i32(40), s.i64(0), offset), // timed out at once
      k.atomicWait(at, k.let(s.i32(40)), s.i64(1000), offset),
    ],
    "memory.atomic.notify": (k, at, offset) => [
      k.atomicNotify(at, s.i32(-1), offset),
      k.atomicNotify(at, s.i32(1), offset),
    ],
  };
  const OLD: Readonly<Record<AtomicOperation, readonly number[]>> = {
    "i32.atomic.rmw.add": [40, 42, -8],
    "i32.atomic.rmw.xchg": [40, -3, -3],
    "i32.atomic.rmw.cmpxchg": [40, 40, -7, -7],
    "memory.atomic.wait32": [1, 2, 2],
    "memory.atomic.notify": [0, 0],
  };
  const isAtomic = (name: string): name is AtomicOperation => name in ATOMICS;
  test.each(Object.keys(ATOMICS).filter(isAtomic))("%s", (op) => {
    const lowered = kernelOf((k) => {
      const out = k.buffer(0);
      const alive = Array.from({ length: 5 }, (_, i) => k.let(s.loadI32(out, 4 * i)));
      ADDRESSES.forEach((form, i) => {
        const at = k.let(s.i32(64 * i + 64));
        const [address, constant] = form(k, out, at);
        k.storeI32(s.iadd(address, s.i32(constant)), s.i32(40));
        ATOMICS[op](k, address, constant).forEach((old, j) => {
          // In halves, so that nothing looks like a NaN.
          k.storeI32(out, s.iand(old, s.i32(0xffff)), 64 * i + 68 + 8 * j);
          k.storeI32(out, s.ishrU(old, s.i32(16)), 64 * i + 72 + 8 * j);
        });
      });
      alive.forEach((value, i) => {
        k.storeI32(out, value, 20 + 4 * i);
      });
    }, 0);
    const program = compileLowered(lowered, [], [16 * (ADDRESSES.length + 1)]);
    program.run();
    program.checkGuards();
    const { buffer, byteOffset } = program.outputs[0]!;
    ADDRESSES.forEach((_, i) => {
      const halves = new Int32Array(buffer, byteOffset + 64 * i + 68, 2 * OLD[op].length);
      expect(OLD[op].map((_, j) => halves[2 * j] | (halves[2 * j + 1] << 16))).toEqual(OLD[op]);
    });
  });
});
