// A function whose branches and constants lie farther apart than some instructions reach: 1 MiB on arm64.

import { expect, test } from "vitest";
import { encodeNativeModule } from "../../src/engine/backends/cpu/native/module.ts";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { describeNative } from "../support/native.ts";
import { native } from "../support/native_machine.ts";

const MEBI = 2 ** 20;
/** Sums in a row, of four bytes each at least. */
const COUNT = 300_000;
const ROUNDS = 3;

describeNative("a long function", (instructions) => {
  test("finds its places and constants", () => {
    if (native === undefined) throw new Error("no machine code here");
    const k = new KernelBuilder("long", { params: ["i32", "i32"], result: "i32" });
    const [at, n] = k.parameters;
    const total = k.let(s.i32(0));
    const rounds = k.let(s.i32(0));
    k.while(s.ilt(rounds, s.i32(ROUNDS)), () => {
      k.set(rounds, s.iadd(rounds, s.i32(1)));
      k.if(
        s.igt(n, rounds),
        () => {
          k.storeV(at, s.iconst4([11, 12, 13, 14]));
          for (let i = 0; i < COUNT; i++) k.set(total, s.iadd(total, s.i32(1 + (i & 3))));
          k.storeV(at, s.vadd(s.vconst([1.1, 2.2, 3.3, 4.4]), s.vconst(0.7)), 16);
        },
        () => k.set(total, s.iadd(total, s.i32(10_000_000))),
      );
    });
    k.return(total);
    const { code, entries } = encodeNativeModule({
      instructions,
      system: native.system,
      exports: { run: k },
    });
    expect(code.byteLength).toBeGreaterThan(MEBI);
    const [place, memory] = [native.mapCode(code), native.reserve(4096)];
    native.commit(memory, 4096);
    try {
      const run = (rounds: number) => native?.call(place + (entries.get("run") ?? 0), [memory, rounds]);
      expect(run(0)).toBe(30_000_000);
      // The first round, and the first two, walk through all of it.
      expect(run(2)).toBe(20_000_000 + COUNT * 2.5);
      expect(run(3)).toBe(10_000_000 + 2 * COUNT * 2.5);
      expect([...new Int32Array(native.view(memory, 16))]).toEqual([11, 12, 13, 14]);
      const sums = [1.1, 2.2, 3.3, 4.4].map((x) => Math.fround(Math.fround(x) + Math.fround(0.7)));
      expect([...new Float32Array(native.view(memory + 16, 16))]).toEqual(sums);
    } finally {
      native.release(memory, 4096);
      native.unmapCode(place, code.byteLength);
    }
  });
});
