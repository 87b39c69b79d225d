// Programs of a backend compute in one piece of memory, one after another.

import { describe, expect, test } from "vitest";
import { type Executable, MemoryError } from "../../src/engine/backend.ts";
import { Allocator } from "../../src/engine/backends/cpu/allocator.ts";
import type { CpuBackend } from "../../src/engine/backends/cpu/cpu_backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { PAGE } from "../../src/engine/backends/cpu/words.ts";
import { Workspace } from "../../src/engine/backends/cpu/workspace.ts";
import { input, variable } from "../../src/engine/tensor.ts";
import { maxDifference } from "../support/compare.ts";
import { nativeBackend, nativeSets } from "../support/native_machine.ts";
import { noise } from "./cpu_kernel_harness.ts";

/** A program with intermediate results of 4 `rows` KiB. */
function program(rows: number) {
  const x = input([rows, 1024]);
  const w = variable([1024, 1024], "w");
  const y = x.matmul(w).matmul(w);
  return { x, w, spec: { name: `of ${rows} rows`, inputs: [x], outputs: [y] } };
}
const weights = noise(1024 * 1024, 1);
const feed = (rows: number) => noise(rows * 1024, rows);

const makers: (readonly [name: string, make: () => CpuBackend])[] = [
  ["wasm", () => new WasmBackend({ threads: 2 })],
  ["wasm with memory of its own", () => new WasmBackend({ sharedMemory: false })],
  ...nativeSets.map((set) => [set, () => nativeBackend(set, { threads: 2 })] as const),
];

describe.each(makers)("%s", (_, make) => {
  test("programs give the bits of each alone, though the memory moves between their runs", async () => {
    const backend = make();
    const sizes = [64, 256, 128, 1024];
    const programs: Executable[] = [];
    const reads: Promise<Float32Array>[] = [];
    for (const rows of sizes) {
      const { w, spec } = program(rows);
      // A variable behind the memory, so that it cannot grow in place.
      backend.write(w, weights);
      // While a program is placed, the others are still to run.
      const begun = programs.map((executable, i) => executable.begin([feed(sizes[i])]));
      const executable = await backend.compile(spec);
      programs.push(executable);
      reads.push(...[...begun, executable.begin([feed(rows)])].map((run) => run.read(0)));
    }
    const got = await Promise.all(reads);
    await backend.close();

    const alone = new Map<number, Float32Array>();
    for (const rows of sizes) {
      const own = make();
      const { w, spec } = program(rows);
      own.write(w, weights);
      const [values] = await (await own.compile(spec)).run([feed(rows)]);
      alone.set(rows, values);
      await own.close();
    }
    const order = sizes.flatMap((_, i) => sizes.slice(0, i + 1));
    const expected = order.map((rows) => alone.get(rows) ?? new Float32Array(0));
    expect(got.map((values, i) => maxDifference(values, expected[i]))).toEqual(order.map(() => 0));
  });

  test("a variable that is first written between runs may take the place of the memory", async () => {
    const backend = make();
    const [first, second] = [program(64), program(64)];
    backend.write(first.w, weights);
    const one = await backend.compile(first.spec);
    const [before] = await one.run([feed(64)]);
    backend.write(second.w, weights);
    const two = await backend.compile(second.spec);
    const results = [await one.run([feed(64)]), await two.run([feed(64)]), await one.run([feed(64)])];
    expect(results.map(([values]) => maxDifference(values, before))).toEqual([0, 0, 0]);
    expect(maxDifference(await backend.read(second.w), weights)).toBe(0);
    await backend.close();
  });

  test("a second program costs its own memory only, and the last one leaves none", async () => {
    const backend = make();
    const [first, second] = [program(1024), program(1024)];
    for (const { w } of [first, second]) backend.write(w, weights);
    const empty = backend.usedBytes;
    const one = await backend.compile(first.spec);
    const withOne = backend.usedBytes;
    const two = await backend.compile(second.spec);
    // Input and output of 4 MiB each, and the packed weights; not the intermediate result.
    expect(backend.usedBytes - withOne).toBeLessThan(withOne - empty - 4 * 2 ** 20 + 1);
    two.dispose();
    expect(backend.usedBytes).toBe(withOne);
    one.dispose();
    expect(backend.usedBytes).toBe(empty);
    await backend.close();
  });
});

/** Memory that only says what it was asked for. */
function memoryOf() {
  const givenBack: (readonly [address: number, bytes: number])[] = [];
  let end = PAGE;
  return {
    givenBack,
    memory: {
      start: 0,
      isInPlace: true,
      get end() {
        return end;
      },
      grow: (pages: number) => {
        end += pages * PAGE;
      },
      write: () => undefined,
      clear: () => undefined,
      giveBack: (address: number, bytes: number) => {
        givenBack.push([address, bytes]);
      },
      view: async () => ({ buffer: new ArrayBuffer(0), at: 0 }),
    },
  };
}

test("it grows in place where it can, and gives back what it leaves", () => {
  const { memory, givenBack } = memoryOf();
  const allocator = new Allocator(memory, 100_000);
  const workspace = new Workspace(allocator);
  workspace.add(6400, "one");
  workspace.add(12_800, "two");
  expect([workspace.start, workspace.bytes]).toEqual([0, 12_800]);
  expect(givenBack).toEqual([]);
  const behind = allocator.allocate(640, "a variable");
  workspace.add(25_600, "three");
  expect([workspace.start, workspace.bytes]).toEqual([behind + 640, 25_600]);
  expect(givenBack).toEqual([[0, 12_800]]);
  workspace.remove(25_600);
  expect([workspace.start, workspace.bytes]).toEqual([behind + 640, 12_800]);
  expect(allocator.usedBytes).toBe(640 + 12_800);
  // What was left is used again.
  expect(allocator.allocate(12_800, "another variable")).toBe(0);
});

test("where it cannot grow it stays as it was", () => {
  const { memory, givenBack } = memoryOf();
  const allocator = new Allocator(memory, 50_000);
  const workspace = new Workspace(allocator);
  workspace.add(12_800, "one");
  allocator.allocate(12_800, "a variable");
  const used = allocator.usedBytes;
  expect(() => workspace.add(40_000, "two")).toThrow(MemoryError);
  expect([workspace.start, workspace.bytes, allocator.usedBytes]).toEqual([0, 12_800, used]);
  expect(givenBack).toEqual([]);
  expect(allocator.largestBytes).toBe(50_000 - used);
});

test("it makes way for what lasts, and grows in place behind it", () => {
  const { memory, givenBack } = memoryOf();
  const allocator = new Allocator(memory, 50_000);
  const workspace = new Workspace(allocator);
  expect(workspace.allocateBefore(640, "a variable")).toBe(0);
  workspace.add(12_800, "one");
  expect(workspace.start).toBe(640);
  expect(workspace.allocateBefore(6400, "another variable")).toBe(640);
  expect(workspace.start).toBe(7040);
  workspace.add(25_600, "two");
  expect([workspace.start, givenBack]).toEqual([7040, []]);
  expect(() => workspace.allocateBefore(25_600, "too large")).toThrow(MemoryError);
  expect([workspace.start, workspace.bytes, allocator.usedBytes]).toEqual([7040, 25_600, 32_640]);
  // It moves into a gap as well.
  allocator.release(640, 6400);
  expect(workspace.allocateBefore(3200, "a third variable")).toBe(640);
  expect([workspace.start, allocator.usedBytes]).toEqual([3840, 640 + 3200 + 25_600]);
});
