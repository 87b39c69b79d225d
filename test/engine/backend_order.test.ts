// The order that every backend guarantees: runs, writes and reads take effect in call order, whenever they are awaited.

import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { input, variable } from "../../src/engine/tensor.ts";
import { backends as tested } from "../support/backends.ts";

const backends = await Promise.all(tested.map((backend) => backend.create()));
afterAll(async () => {
  for (const backend of backends) await backend.close();
});

/** Adds what is fed to a variable, and gives the variable's old and new value. */
async function adder(backend: Backend) {
  const x = input([1], "f32", "x");
  const total = variable([1], "total");
  const sum = total.add(x);
  backend.write(total, Float32Array.of(0));
  const program = { name: "adder", inputs: [x], outputs: [total.mul(1), sum] };
  return {
    total,
    executable: await backend.compile({ ...program, updates: [{ target: total, value: sum }] }),
  };
}
const feed = (value: number) => [Float32Array.of(value)];

describe.each(backends)("$name", (backend) => {
  test("runs that are begun together follow one another; a variable is read between those it was asked for between", async () => {
    const { total, executable } = await adder(backend);
    const first = executable.begin(feed(1));
    const between = backend.read(total);
    const second = executable.begin(feed(10));
    const after = backend.read(total);
    await second.done;
    expect([...(await between), ...(await after)]).toEqual([1, 11]);
    await first.done;
    executable.dispose();
  });

  test("a write takes effect between runs, with the values that it had when it was made", async () => {
    const { total, executable } = await adder(backend);
    executable.begin(feed(1));
    const values = Float32Array.of(100);
    backend.write(total, values);
    values[0] = 7;
    const [before, after] = await executable.run(feed(1));
    expect([...before, ...after]).toEqual([100, 101]);
    executable.dispose();
  });

  test("an output that was asked for in time is there after later runs", async () => {
    const { executable } = await adder(backend);
    const early = executable.begin(feed(5)).read(1);
    await executable.run(feed(1));
    expect([...(await early)]).toEqual([5]);
    executable.dispose();
  });

  test("an output that is asked for too late is refused", async () => {
    const { executable } = await adder(backend);
    const early = executable.begin(feed(5));
    await executable.run(feed(1));
    await expect(early.read(1)).rejects.toThrow("adder: output 1 is read after the next run was begun");
    executable.dispose();
  });

  test("a run without outputs has ended when it is awaited", async () => {
    const total = variable([1], "count");
    backend.write(total, Float32Array.of(0));
    const updates = [{ target: total, value: total.add(1) }];
    const executable = await backend.compile({ name: "counter", inputs: [], outputs: [], updates });
    for (let step = 0; step < 3; step++) await executable.run([]);
    executable.dispose();
    expect([...(await backend.read(total))]).toEqual([3]);
  });

  test("a run that fails says so where it is awaited, and the next one runs", async () => {
    const { executable } = await adder(backend);
    expect(() => executable.begin([Float32Array.of(1, 2)])).toThrow(
      "adder: input 0 is f32[1], got Float32Array of 2",
    );
    const [, after] = await executable.run(feed(3));
    expect([...after]).toEqual([3]);
    executable.dispose();
  });
});
