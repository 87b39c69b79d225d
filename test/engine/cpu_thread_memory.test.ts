// Without shared memory: one thread with a memory of its own, which the host writes and reads by messages.

import { expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { input, variable } from "../../src/engine/tensor.ts";
import { maxDifference } from "../support/compare.ts";
import { noise } from "./cpu_kernel_harness.ts";

test("gives the bits of threads that share memory, also when the memory has to grow", async () => {
  const x = input([64, 1024]);
  const w = variable([1024, 1024], "w");
  const y = x.matmul(w).exp();
  const program = { name: "product", inputs: [x], outputs: [y], updates: [{ target: w, value: w.mul(0.5) }] };
  const results = [];
  for (const options of [{ sharedMemory: false }, { threads: 2 }]) {
    const backend = new WasmBackend(options);
    backend.write(w, noise(1024 * 1024, 1));
    const executable = await backend.compile(program);
    const runs = [];
    for (const seed of [2, 3]) runs.push(...(await executable.run([noise(64 * 1024, seed)])));
    runs.push(await backend.read(w));
    results.push(runs);
    const timings = await executable.profile([noise(64 * 1024, 4)]);
    expect(timings.every(({ seconds }) => seconds >= 0)).toBe(true);
    await backend.close();
  }
  const [own, shared] = results;
  expect(own.map((values, i) => maxDifference(values, shared[i]))).toEqual([0, 0, 0]);
});

test("is for one thread, and says what sharing needs", () => {
  expect(() => new WasmBackend({ sharedMemory: false, threads: 2 })).toThrow(
    /^threads: memory cannot be shared here, so wants 1, got 2; a page's server allows it by Cross-Origin-/,
  );
});

test("a program that does not fit is refused before it is placed", async () => {
  const x = input([1024, 1024]);
  const backend = new WasmBackend({ sharedMemory: false, memoryLimit: 2 ** 20 });
  await expect(backend.compile({ name: "large", inputs: [x], outputs: [x.add(1)] })).rejects.toMatchObject({
    name: "MemoryError",
  });
  await backend.close();
});
