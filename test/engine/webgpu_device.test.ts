// What a GPU may do to a program: be lost, refuse memory or a shader; and that it gives the same bits each time.

import { afterEach, expect, test } from "vitest";
import { GpuError, MemoryError } from "../../src/engine/backend.ts";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import { input, variable } from "../../src/engine/tensor.ts";
import { describeOnGpu } from "../support/gpu.ts";
import { openLimited } from "../support/limited_gpu.ts";
import { numbers } from "./numbers.ts";

const opened: WebgpuBackend[] = [];
async function open(): Promise<WebgpuBackend> {
  const backend = await WebgpuBackend.open(await Device.open(await findGpu()));
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

describeOnGpu("a GPU", () => {
  test("that is lost ends all work with one error, and later work too", async () => {
    const backend = await open();
    const x = input([1000]);
    const program = { name: "doubling", inputs: [x], outputs: [x.mul(2)] };
    const executable = await backend.compile(program);
    await executable.run([numbers(1000, 1)]);
    backend.device.gpu.destroy();
    const lost = /^the GPU \(.+\) was lost/;
    const failure = await executable.run([numbers(1000, 1)]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GpuError);
    expect(String((failure as Error).message)).toMatch(lost);
    expect(() => executable.begin([numbers(1000, 1)])).toThrow(lost);
    await expect(backend.compile(program)).rejects.toThrow(lost);
    expect(() => backend.write(variable([2], "v"), Float32Array.of(1, 2))).toThrow(lost);
  });

  test("knows before anything is allocated that an array is larger than its buffers", async () => {
    const backend = await open();
    const x = input([Math.ceil(backend.device.mostBytes / 4096) + 1, 1024]);
    const program = { name: "large", inputs: [x], outputs: [x.exp()] };
    const { needed, available } = backend.memory(program);
    expect(available).toBe(backend.device.mostBytes);
    expect(needed).toBeGreaterThan(available);
    await expect(backend.compile(program)).rejects.toBeInstanceOf(MemoryError);
    expect(backend.device.usedBytes).toBe(0);
  });

  test("the same of an intermediate array, which has a place in pieces of the arena", async () => {
    const backend = await open();
    const rows = Math.ceil(backend.device.mostBytes / 4096) + 1;
    const [x, y, z] = [input([rows, 1]), input([1, 1024]), input([1024, 1])];
    const program = { name: "between", inputs: [x, y, z], outputs: [x.add(y).exp().matmul(z)] };
    const { needed, available } = backend.memory(program);
    expect(available).toBe(backend.device.mostBytes);
    expect(needed).toBeGreaterThan(available);
    await expect(backend.compile(program)).rejects.toBeInstanceOf(MemoryError);
  });

  test("that refuses memory knows then how much it has", async () => {
    const backend = await WebgpuBackend.open(await openLimited(600 * 2 ** 20));
    opened.push(backend);
    const doubled = (mebibytes: number) => {
      const x = input([mebibytes, 1024, 256]);
      return { name: "doubled", inputs: [x], outputs: [x.mul(2)] };
    };
    expect(backend.memory(doubled(400)).available).toBe(Number.POSITIVE_INFINITY);
    await expect(backend.compile(doubled(400))).rejects.toThrow(
      /^doubled needs 800 MiB, but only 600 MiB can be had$/,
    );
    expect(backend.device.usedBytes).toBe(0);
    const { needed, available } = backend.memory(doubled(250));
    expect(needed).toBeLessThan(available);
    (await backend.compile(doubled(250))).dispose();
    expect(backend.memory(doubled(310)).needed).toBeGreaterThan(available);
  });

  test("a profile is one run: variables are updated once", async () => {
    const backend = await open();
    const count = variable([4], "count");
    backend.write(count, Float32Array.of(1, 2, 3, 4));
    const program = {
      name: "counting",
      inputs: [],
      outputs: [],
      updates: [{ target: count, value: count.add(1) }],
    };
    const executable = await backend.compile(program);
    await executable.profile([]);
    expect([...(await backend.read(count))]).toEqual([2, 3, 4, 5]);
  });

  test("computes the same bits twice", async () => {
    const backend = await open();
    const [x, filter] = [input([2, 12, 12, 8]), input([3, 3, 8, 8])];
    const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
    const program = { name: "twice", inputs: [x, filter], outputs: [y, y.square().sum()] };
    const executable = await backend.compile(program);
    const feeds = [numbers(2304, 1), numbers(576, 2)];
    const [once, again] = [await executable.run(feeds), await executable.run(feeds)];
    expect(again).toEqual(once);
  });

  test("counts its buffers, and gets them back", async () => {
    const backend = await open();
    const before = backend.device.usedBytes;
    const x = input([64, 64]);
    const executable = await backend.compile({ name: "product", inputs: [x], outputs: [x.matmul(x).exp()] });
    expect(backend.device.usedBytes).toBeGreaterThanOrEqual(before + 3 * 64 * 64 * 4);
    executable.dispose();
    expect(backend.device.usedBytes).toBe(before);
  });

  test("times its kernels", async () => {
    const backend = await open();
    const x = input([128, 128]);
    const executable = await backend.compile({
      name: "timed",
      inputs: [x],
      outputs: [x.matmul(x).exp().sum()],
    });
    const timings = await executable.profile([numbers(128 * 128, 3)]);
    if (!backend.device.hasTimes) return expect(timings).toEqual([]);
    expect(timings.map(({ family }) => family)).toEqual(expect.arrayContaining(["matmul", "reduce"]));
    for (const { seconds, bytes } of timings) expect(seconds > 0 && bytes > 0).toBe(true);
  });
});
