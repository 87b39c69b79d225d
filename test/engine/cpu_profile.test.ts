// The times of a profile run from the first thread's start to the last one's end, even if a thread reads its clock
// late.

import { cpus } from "node:os";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { CALL, driver, STEP, TIMES } from "../../src/engine/backends/cpu/driver.ts";
import { secondsOfSteps } from "../../src/engine/backends/cpu/profile_times.ts";
import { KERNEL_SIGNATURE, KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { encodeModule } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { repeatUntilSteady } from "../../src/engine/backends/steady_times.ts";

test("a step lasts from the first start to the last end", () => {
  // [threads, steps, 2]: the first thread is late for the first step, the second for the second.
  const times = Float64Array.of(9, 10, 20, 26, 1, 9, 24, 25);
  expect(secondsOfSteps(times, 2)).toEqual([9 / 1000, 6 / 1000]);
});

const LIMITS = { initial: 1, maximum: 1, shared: true };
const [STEPS, CALLS, BARRIER, CLOCK, HELD] = [1024, 2048, 4096, 8192, 8256];
const timesOf = (thread: number) => 12_288 + thread * TIMES.bytes;
const TILES = 8;

/** Runs the driver on a clock that ticks when it is looked at; thread 0 is held up at its first look. */
const THREAD = `
  const { workerData: { module, memory, thread, args, clock, held } } = require("node:worker_threads");
  const words = new Int32Array(memory.buffer);
  let looks = 0;
  const now = () => {
    if (thread === 0 && looks++ === 0) Atomics.wait(words, held, 0);
    const tick = Atomics.add(words, clock, 1);
    if (thread === 1 && ++looks === 2) { Atomics.store(words, held, 1); Atomics.notify(words, held); }
    return tick;
  };
  new WebAssembly.Instance(module, { env: { memory, now } }).exports.run(...args);
`;

test("a thread that is held up before it looks at the clock does not hide what the others did", async () => {
  const kernel = new KernelBuilder("kernel", KERNEL_SIGNATURE);
  kernel.atomicAdd(s.i32(CLOCK), s.i32(1)); // each tile takes a tick
  const module = await WebAssembly.compile(
    encodeModule({ memory: LIMITS, exports: { run: driver() }, table: [kernel], relaxed: false }),
  );
  const memory = new WebAssembly.Memory(LIMITS);
  const words = new Int32Array(memory.buffer);
  words.set([CALLS, 0, 1, TILES, 1], STEPS / 4);
  expect([STEP.first, STEP.count, STEP.tiles, STEP.barrier, CALL.functionIndex]).toEqual([0, 8, 12, 16, 0]);
  const threads = [0, 1].map((thread) => {
    const args = [STEPS, 1, 2, 0, BARRIER, timesOf(thread)];
    const workerData = { module, memory, thread, args, clock: CLOCK / 4, held: HELD / 4 };
    return new Worker(THREAD, { eval: true, workerData });
  });
  await Promise.all(threads.map((worker) => new Promise((resolve) => worker.once("exit", resolve))));
  const times = new Float64Array(memory.buffer, timesOf(0), (2 * TIMES.bytes) / 8);
  // Thread 1 starts at 0, does eight tiles and is done at 9; thread 0 then starts at 10 and finds nothing to do.
  expect([...times]).toEqual([10, 11, 0, 9]);
  expect(secondsOfSteps(times, 2)).toEqual([11 / 1000]);
});

test("no peak is above what processors can do, with more threads than there are processors", async () => {
  const backend = new WasmBackend({ threads: 6 });
  try {
    // Two units of eight lanes that multiply and add, at 6 GHz, are 192 GFLOP/s; twice that is beyond any.
    for (const flops of await backend.measurePeak()) {
      expect(flops).toBeGreaterThan(0);
      expect(flops).toBeLessThan(384e9 * cpus().length);
    }
  } finally {
    await backend.close();
  }
});

describe("a yardstick is timed", () => {
  const runs = async (...seconds: number[]) => {
    let run = 0;
    return (await repeatUntilSteady(async () => seconds[run++ % seconds.length]!)).length;
  };

  test("five times where runs are alike", async () => expect(await runs(0.01)).toBe(5));
  test("until the three fastest agree", async () => {
    expect(await runs(0.05, 0.04, 0.03, 0.02, 0.01, 0.05, 0.0101, 0.05, 0.0102)).toBe(9);
  });
  test("for a second where they never do", async () => {
    expect(await runs(...Array.from({ length: 50 }, (_, i) => 0.2 - i * 0.01))).toBe(6);
    expect(await runs(...Array.from({ length: 200 }, (_, i) => 1e-4 / 1.1 ** i))).toBe(100);
  });
});
