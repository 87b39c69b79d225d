// Different ways of the WebAssembly backend to compute the same give the same bits.

import { afterAll, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { numel } from "../../src/engine/shape.ts";
import { grad, input } from "../../src/engine/tensor.ts";
import { numbers } from "./numbers.ts";

const wasm = new WasmBackend({ threads: 2 });
afterAll(() => wasm.close());

test("a residual that is added by the product's kernel gives the bits of a sum on its own", async () => {
  const [n, side, c] = [2, 8, 32];
  const shapes = [[n, side, side, c], [3, 3, c, c], [1, 1, c, c], [c, c], [c], [n, 1, 1, c]];
  const inputs = shapes.map((s) => input(s));
  const [x, square, point, w, bias, time] = inputs;
  const products = [
    x.conv2d(square, { stride: [1, 1], padding: [1, 1, 1, 1] }).add(bias),
    x.conv2d(point, { stride: [1, 1], padding: [0, 0, 0, 0] }).add(bias),
    x.reshape([-1, c]).matmul(w).add(bias).reshape(x.shape),
  ];
  products.push(x.conv2d(square.mul(2), { stride: [1, 1], padding: [1, 1, 1, 1] }).add(bias));
  const sums = products.map((y, i) => y.add(i < 3 ? x : time));
  const feeds = inputs.map((t, i) => numbers(numel(t.shape), 5 + i));
  const joined = await (await wasm.compile({ name: "joined", inputs, outputs: sums })).run(feeds);
  const apart = await (await wasm.compile({ name: "apart", inputs, outputs: [...sums, ...products] })).run(
    feeds,
  );
  expect(joined).toEqual(apart.slice(0, sums.length));
});

test("attention has the same bits on one thread and on two", async () => {
  const single = new WasmBackend({ threads: 1 });
  const inputs = Array.from({ length: 4 }, () => input([2, 200, 24]));
  const [q, k, v, g] = inputs;
  const y = q.attention(k, v, { heads: 3, scale: 0.3 });
  const program = { name: "bits", inputs, outputs: [y, ...grad(y.mul(g).sum(), [q, k, v])] };
  const feeds = inputs.map((x, i) => numbers(numel(x.shape), 5 + i));
  const [one, two] = await Promise.all(
    [single, wasm].map(async (backend) => (await backend.compile(program)).run(feeds)),
  );
  await single.close();
  expect(two).toEqual(one);
});
