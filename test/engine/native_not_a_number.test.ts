// Minima and maxima with NaN in machine code: the plain NaN, because exponentials add to its bits.

import { expect, test } from "vitest";
import { full, input } from "../../src/engine/tensor.ts";
import { describeNative } from "../support/native.ts";
import { nativeBackend } from "../support/native_machine.ts";

const PLAIN = 0x7fc00000;

describeNative("minima and maxima as machine code", (instructions) => {
  test("NaN is the plain one, and stays NaN in attention", async () => {
    const backend = nativeBackend(instructions, { threads: 1 });
    try {
      const x = input([1, 4, 8]);
      const extremes = [x.minimum(1), x.maximum(1), full(1, []).minimum(x), full(1, []).maximum(x)];
      const mixed = extremes.map((keys) => full(0.5, x.shape).attention(keys, x, { heads: 1, scale: 1 }));
      const program = { name: "not a number", inputs: [x], outputs: [...extremes, ...mixed] };
      const executable = await backend.compile(program);
      const got = await executable.run([new Float32Array(32).fill(Number.NaN)]);
      for (const values of got.slice(0, extremes.length)) {
        const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
        expect([...new Set(bits.map((word) => word & 0x7fffffff))]).toEqual([PLAIN]);
      }
      for (const values of got.slice(extremes.length)) expect(values.every(Number.isNaN)).toBe(true);
    } finally {
      await backend.close();
    }
  });
});
