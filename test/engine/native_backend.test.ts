// The machine-code backend as a whole: the bits of WebAssembly, whatever the number of threads; memory beyond 4 GiB;
// how it is chosen.

import { spawnSync } from "node:child_process";
import { freemem } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Backend, MemoryError, NativeCodeError } from "../../src/engine/backend.ts";
import { NativeMemory } from "../../src/engine/backends/cpu/native/native_memory.ts";
import { findProcessor, INSTRUCTION_NAMES } from "../../src/engine/backends/cpu/native_backend.ts";
import { hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { chooseBackend } from "../../src/engine/backends/create.ts";
import { scatterAdd } from "../../src/engine/ops/gather.ts";
import { numel } from "../../src/engine/shape.ts";
import { grad, input, Tensor } from "../../src/engine/tensor.ts";
import type { NativeMachine } from "../../src/platform/native.ts";
import { describeNative } from "../support/native.ts";
import { native, nativeBackend, nativeSets } from "../support/native_machine.ts";
import { numbers } from "./numbers.ts";

/** A value that passes through every family of kernels, and its gradients. */
function manyKernels() {
  const [n, side, c] = [2, 12, 32];
  const shapes = [[n, side, side, c], [3, 3, c, c], [c, 3 * c], [c]];
  const inputs = shapes.map((shape) => input(shape));
  const [x, filters, projection, bias] = inputs;
  const convolved = x.conv2d(filters, { stride: [1, 1], padding: [1, 1, 1, 1] }).add(bias);
  const rows = convolved
    .reshape([n * side * side, c])
    .matmul(projection)
    .reshape([n, side * side, 3 * c]);
  const [q, k, v] = [0, 1, 2].map((i) => rows.slice([0, 0, i * c], [n, side * side, c]));
  const mixed = q.attention(k, v, { heads: 4, scale: 0.3 });
  const mean = mixed.mean([1], true);
  const loss = mixed.sub(mean).sigmoid().mul(mixed).sum();
  const outputs: Tensor[] = [mixed, loss, ...grad(loss, inputs)];
  return {
    program: { name: "many", inputs, outputs },
    feeds: shapes.map((s, i) => numbers(numel(s), 3 + i)),
  };
}

async function run(backend: Backend): Promise<Float32Array[]> {
  const { program, feeds } = manyKernels();
  try {
    const executable = await backend.compile(program);
    await executable.run(feeds);
    return await executable.run(feeds);
  } finally {
    await backend.close();
  }
}

describeNative("machine code", (set) => {
  test("gives the same bits for any number of threads", async () => {
    const one = await run(nativeBackend(set, { threads: 1 }));
    for (const threads of [2, 3]) expect(await run(nativeBackend(set, { threads }))).toEqual(one);
  });

  test.skipIf(!hasRelaxedSimd())("gives the bits of WebAssembly", async () => {
    expect(await run(nativeBackend(set, { threads: 2 }))).toEqual(await run(new WasmBackend({ threads: 2 })));
  });

  test("times each kernel", async () => {
    const backend = nativeBackend(set, { threads: 2 });
    const { program, feeds } = manyKernels();
    const timings = await (await backend.compile(program)).profile(feeds);
    await backend.close();
    expect(timings.every(({ seconds }) => seconds > 0 && seconds < 5)).toBe(true);
    expect(timings.length).toBeGreaterThan(10);
  });

  test("a program that does not fit is refused, and the backend goes on", async () => {
    const backend = nativeBackend(set, { threads: 1, memoryLimit: 2 ** 22 });
    const [x, large] = [input([4]), input([2 ** 21])];
    const tooLarge = { name: "large", inputs: [large], outputs: [large.mul(2)] };
    await expect(backend.compile(tooLarge)).rejects.toThrow(MemoryError);
    const doubled = await backend.compile({ name: "doubled", inputs: [x], outputs: [x.mul(2)] });
    expect(await doubled.run([Float32Array.of(1, 2, 3, 4)])).toEqual([Float32Array.of(2, 4, 6, 8)]);
    await backend.close();
  });
});

const enough = nativeSets.length > 0 && freemem() > 9 * 2 ** 30;
test.skipIf(!enough)("an array of more than 4 GiB is computed and read at its end", async () => {
  const [rows, columns] = [1_200_000, 1024];
  const [parts, index] = [input([3, columns]), input([3], "i32")];
  const table = new Tensor(scatterAdd(parts.node, index.node, rows));
  const outputs = [rows - 1, 7].map((row) => table.slice([row, 0], [1, columns]).mul(2));
  const backend = nativeBackend(nativeSets[0], { threads: 2, memoryLimit: 7 * 2 ** 30 });
  const program = await backend.compile({ name: "large", inputs: [parts, index], outputs });
  expect(program.stats.arenaBytes).toBeGreaterThan(4 * 2 ** 30);
  const feed = numbers(3 * columns, 1);
  const [end, start] = await program.run([feed, Int32Array.of(7, rows - 1, 7)]);
  await backend.close();
  const row = (i: number) => feed.subarray(i * columns, (i + 1) * columns);
  expect(end).toEqual(row(1).map((x) => 2 * x));
  expect(start).toEqual(row(0).map((x, i) => 2 * Math.fround(x + row(2)[i]!)));
});

test("the choice: machine code where it can be run, WebAssembly otherwise, with the reason", async () => {
  const { backend, device, reason } = await chooseBackend({ backend: "cpu", threads: 1 });
  await backend.close();
  if (nativeSets.length === 0) {
    expect(backend.name).toBe("wasm");
    expect(reason).toBeDefined();
    await expect(chooseBackend({ backend: "native" })).rejects.toThrow(reason);
  } else {
    expect({ name: backend.name, reason }).toEqual({ name: "native", reason: undefined });
    expect(device).toBe(`the processor (machine code, ${INSTRUCTION_NAMES[nativeSets[0]]})`);
  }
});

test.skipIf(nativeSets.length === 0)("the switch of instructions", () => {
  const chosen = (instructions: string): string => {
    const program = `
      import { chooseBackend } from ${JSON.stringify(new URL("../../src/engine/backends/create.ts", import.meta.url).href)};
      const { backend, device, reason } = await chooseBackend({ backend: "cpu", threads: 1 });
      console.log(device + (reason ? ": " + reason : ""));
      await backend.close();`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, IMAGO_INSTRUCTIONS: instructions },
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      encoding: "utf8",
    });
    return stdout.trim();
  };
  for (const set of nativeSets)
    expect(chosen(set)).toBe(`the processor (machine code, ${INSTRUCTION_NAMES[set]})`);
  expect(chosen("none")).toBe("the processor (WebAssembly): IMAGO_INSTRUCTIONS is none");
  const other = nativeSets.includes("neon") ? "avx2" : "neon";
  const expected = [...nativeSets, "none"].join(" or ");
  expect(chosen(other)).toBe(
    `the processor (WebAssembly): IMAGO_INSTRUCTIONS is ${other}, expected ${expected}`,
  );
});

test("where the system forbids code, or gives less memory than there is", () => {
  const give = (most: number): NativeMachine => ({
    architecture: "x64",
    library: "none",
    system: { kind: "linux" },
    reserve: (bytes) => {
      if (bytes > most) throw new Error(`the system does not give ${bytes} bytes`);
      return 4096;
    },
    commit: () => undefined,
    giveBack: () => undefined,
    release: () => undefined,
    view: () => new ArrayBuffer(0),
    mapCode: () => {
      throw new Error("the system does not allow memory that can be executed");
    },
    unmapCode: () => undefined,
    call: () => 0,
  });
  expect(findProcessor(give(0))).toBe(
    "machine code cannot be run here: the system does not allow memory that can be executed",
  );
  const memory = new NativeMemory(give(3 * 2 ** 30), 16 * 2 ** 30);
  expect(memory.limit).toBe(2 * 2 ** 30);
  expect(memory.end).toBe(memory.start);
  memory.grow(1);
  expect(memory.end - memory.start).toBe(2 ** 26);
  expect(() => memory.grow(2 ** 15)).toThrow(RangeError);
  expect(() => new NativeMemory(give(2 ** 20), 16 * 2 ** 30)).toThrow(NativeCodeError);
});

test.skipIf(native === undefined)(
  "values lie right where the windows that memory is seen through meet",
  async () => {
    if (native === undefined) return;
    const memory = new NativeMemory(native, 2 ** 31);
    try {
      memory.grow(2 ** 14 + 2 ** 10); // a gigabyte and more
      const values = Float32Array.from({ length: 1000 }, (_, i) => i + 1);
      const edge = memory.start + 2 ** 30;
      for (const address of [memory.start, edge - 4000, edge - 2000, edge - 4, edge]) {
        memory.write(address, values);
        const { buffer, at } = await memory.view(address, values.byteLength);
        expect(new Float32Array(buffer, at, values.length)).toEqual(values);
      }
      const whole = await memory.view(edge - 2000, 4000);
      memory.clear({ address: edge - 8, count: 4, stride: 4 });
      const around = new Float32Array(whole.buffer, whole.at, 1000);
      expect([...around.subarray(498, 502)]).toEqual([0, 0, 0, 0]);
      expect(around[497] * around[502]).not.toBe(0);
      expect(() => memory.write(memory.end - 8, values)).toThrow("outside of the backend's memory");
      expect(() => memory.write(memory.start - 4, values)).toThrow("outside of the backend's memory");
    } finally {
      memory.release();
    }
    expect(() => memory.write(memory.start, new Float32Array(1))).toThrow("the backend was closed");
  },
);
