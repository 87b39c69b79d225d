// Mixed precision: products with 16-bit operands and results. The reference computes the same roundings in float64, so
// it is the 16-bit model that backends are held against.

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { type Node, topologicalOrder } from "../../src/engine/graph.ts";
import { numel, type Shape } from "../../src/engine/shape.ts";
import { concat, grad, input, type Tensor, withHalves } from "../../src/engine/tensor.ts";
import { judgedBackends } from "../support/backends.ts";
import { distance, norm } from "../support/compare.ts";
import { numbers } from "./numbers.ts";

fc.configureGlobal({ seed: 5 });
const reference = new ReferenceBackend();
const judged = await Promise.all(judgedBackends.map((backend) => backend.create()));
afterAll(() => Promise.all(judged.map((backend) => backend.close())));

interface Network {
  readonly inputs: readonly Tensor[];
  readonly parameters: readonly Tensor[];
  readonly loss: Tensor;
}

/** What a block of a UNet has: convolutions with bias, embedding and residual, a norm, attention, a concatenation. */
function network(n: number, size: number, channels: number, heads: number): Network {
  const width = channels * heads;
  const x = input([n, size, size, channels]);
  const time = input([n, width]);
  const filters = [input([3, 3, channels, width]), input([3, 3, width, width]), input([1, 1, 2 * width, 3])];
  const bias = input([width]);
  const matrices = Array.from({ length: 4 }, () => input([width, width]));
  const same = { stride: [1, 1], padding: [1, 1, 1, 1] } as const;
  const first = x
    .conv2d(filters[0], same)
    .add(bias)
    .add(time.matmul(matrices[3]).reshape([n, 1, 1, width]));
  const mean = first.mean([1, 2], true);
  const normed = first.sub(mean);
  const active = normed.mul(normed.sigmoid());
  const second = active.conv2d(filters[1], same).add(first);
  const rows = second.reshape([n * size * size, width]);
  const tokens = [n, size * size, width];
  const [q, k, v] = matrices.slice(0, 3).map((matrix) => rows.matmul(matrix).reshape(tokens));
  const attended = q.attention(k, v, { heads, scale: 1 / Math.sqrt(channels) }).add(rows.reshape(tokens));
  const joined = concat([attended.reshape(second.shape), active], 3);
  const y = joined.conv2d(filters[2], { stride: [1, 1], padding: [0, 0, 0, 0] });
  const parameters = [...filters, bias, ...matrices];
  return { inputs: [x, time, ...parameters], parameters, loss: y.square().sum() };
}

/** Random values; those of a parameter keep the size of what they are multiplied with. */
function scaled(shape: Shape, isParameter: boolean, seed: number): Float32Array {
  const factor = isParameter && shape.length > 1 ? 1 / Math.sqrt(numel(shape.slice(0, -1))) : 1;
  return numbers(numel(shape), seed).map((value) => value * factor);
}

const sizes = fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 2, max: 7 }),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 2 }),
);

describe.each(judged)("on $name", (backend) => {
  test("loss and gradients are those of the same roundings in float64", () =>
    fc.assert(
      fc.asyncProperty(sizes, async ([n, size, channels, heads]) => {
        const { inputs, parameters, loss } = network(n, size, channels, heads);
        const exact = [loss, ...grad(loss, parameters)];
        const outputs = withHalves(exact, "f16");
        const feeds = inputs.map(({ shape }, i) => scaled(shape, parameters.includes(inputs[i]), 3 + i));
        const run = async (on: typeof backend, wanted: readonly Tensor[]) => {
          const executable = await on.compile({ name: "halves", inputs, outputs: wanted });
          const results = await executable.run(feeds);
          executable.dispose();
          return results;
        };
        const expected = await run(reference, outputs);
        const whole = await run(reference, exact);
        let roundings = 0;
        for (const [i, got] of (await run(backend, outputs)).entries()) {
          const scale = norm(expected[i]) + 1e-3 * Math.sqrt(got.length);
          const rounding = distance(expected[i], whole[i]) / scale;
          // A value beside a tie may be rounded the other way.
          expect(distance(got, expected[i]) / scale, `result ${i}`).toBeLessThan(1e-4 + 0.5 * rounding);
          roundings += rounding;
        }
        // The mean that is taken away leaves little of some gradients, and all of their roundings.
        expect(roundings / outputs.length).toBeGreaterThan(1e-5);
        expect(roundings / outputs.length).toBeLessThan(0.1);
      }),
      { numRuns: 6 },
    ));
});

describe("the graph", () => {
  const { parameters, loss } = network(2, 4, 4, 2);
  const exact = [loss, ...grad(loss, parameters)];
  const outputs = withHalves(exact, "f16");
  const nodes = topologicalOrder(outputs.map(({ node }) => node));
  const widened = ({ op, inputs: [source] }: Node) => op.kind === "cast" && source.dtype === "f16";

  test("keeps the type of the results", () => {
    for (const { dtype } of outputs) expect(dtype).toBe("f32");
  });

  test("gives 16 bits to whatever products read", () => {
    const read = nodes.filter(({ op }) =>
      ["conv2d", "conv2dGradInput", "conv2dGradFilter", "matmul", "attention", "attentionGrad"].includes(
        op.kind,
      ),
    );
    expect(read.length).toBeGreaterThan(15);
    for (const { op, inputs } of read) expect(inputs.every(widened), op.kind).toBe(true);
  });
});
