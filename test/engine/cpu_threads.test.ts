// Threads that cannot start, and threads that are lost: one clear error, and nothing keeps running.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { encodeModule } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { ThreadPool } from "../../src/engine/backends/cpu/thread_pool.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { input } from "../../src/engine/tensor.ts";

/** The threads that a test starts, and the end of each. */
const workers: Worker[] = [];
const ends: Promise<unknown>[] = [];
const record = (worker: Worker) => {
  workers.push(worker);
  ends.push(new Promise((resolve) => worker.once("exit", resolve)));
};
beforeEach(() => {
  workers.length = 0;
  ends.length = 0;
  process.on("worker", record);
});
afterEach(() => {
  process.off("worker", record);
});

const x = input([2, 8]);
const doubled = { name: "doubled", inputs: [x], outputs: [x.add(x)] };

test("a thread that is lost between two runs fails the next one, and takes the others with it", async () => {
  const backend = new WasmBackend({ threads: 3 });
  const program = await backend.compile(doubled);
  expect((await program.run([new Float32Array(16).fill(2)]))[0]).toEqual(new Float32Array(16).fill(4));
  await workers[1]?.terminate();
  await expect(program.run([new Float32Array(16)])).rejects.toThrow(/^a thread stopped with code 1$/);
  await expect(program.run([new Float32Array(16)])).rejects.toMatchObject({ name: "ThreadError" });
  await Promise.all(ends);
  await backend.close();
});

const LIMITS = { initial: 1, maximum: 1, shared: true };
/** Byte addresses: where threads count themselves, and a word that nobody ever wakes anyone at. */
const [ARRIVED, NEVER] = [1024, 2048];

/** A pool with a program: run(trap) counts the thread, then either leaves its memory or waits for ever. */
async function waitingPool(threads: number) {
  const run = new KernelBuilder("run", { params: ["i32"], result: undefined });
  run.atomicAdd(s.i32(ARRIVED), s.i32(1));
  run.if(run.param(0), () => run.storeI32(s.i32(-4), s.i32(0)));
  run.atomicWait(s.i32(NEVER), s.i32(0));
  const module = await WebAssembly.compile(
    encodeModule({ memory: LIMITS, exports: { run }, relaxed: false }),
  );
  const memory = new WebAssembly.Memory(LIMITS);
  const pool = new ThreadPool(threads, { memory });
  await pool.ready();
  pool.broadcast({ kind: "load", program: 0, code: module });
  const words = new Int32Array(memory.buffer);
  return { pool, arrived: () => Atomics.load(words, ARRIVED / 4) };
}

test("a thread that is lost in a run ends it, while the others wait for it", async () => {
  const { pool, arrived } = await waitingPool(3);
  const failed = expect(pool.run(0, () => [0])).rejects.toThrow(/^a thread stopped with code 1$/);
  while (arrived() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await workers[2]?.terminate();
  await failed;
  await Promise.all(ends);
});

test("a fault in one thread ends the run, and stops the threads that wait for it", async () => {
  const { pool } = await waitingPool(3);
  await expect(pool.run(0, (thread) => [thread === 1 ? 1 : 0])).rejects.toThrow(/out of bounds/);
  await expect(pool.run(0, () => [0])).rejects.toThrow(/out of bounds/);
  await Promise.all(ends);
});

test("a backend that is closed while its threads start leaves none", async () => {
  const backend = new WasmBackend({ threads: 2 });
  const compiling = expect(backend.compile(doubled)).rejects.toThrow(/^the backend was closed$/);
  await backend.close();
  await compiling;
  await Promise.all(ends);
});

// The superuser has no limit of processes: the program becomes someone else.
const prlimit = spawnSync("prlimit", ["--version"]).status === 0;
test.skipIf(!prlimit)("threads above the limit of processes are one error, and the process ends", () => {
  const backend = new URL("../../src/engine/backends/cpu/wasm_backend.ts", import.meta.url);
  const program = `
    import { spawnSync } from "node:child_process";
    import { stat } from "node:fs/promises";
    import { WasmBackend } from ${JSON.stringify(backend.href)};
    await stat("."); // libuv starts its own threads first
    spawnSync("prlimit", ["--pid", String(process.pid), "--nproc=1"]);
    if (process.getuid() === 0) process.setuid(65534);
    const backend = new WasmBackend({ threads: 3 });
    await backend.measurePeak().catch(({ name, message }) => console.log(name + ": " + message));
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program],
    { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8" },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout:
      "ThreadError: 0 of 3 threads could be started: the system gives no more; raise the limits of processes (ulimit -u) and memory\n",
    stderr: "",
  });
});
