// Attention between sequences of different lengths, and causal, on every backend; its primitive at the widths of Stable
// Diffusion.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import type { Shape } from "../../src/engine/shape.ts";
import { constant, withHalves } from "../../src/engine/tensor.ts";
import { dotProductAttention } from "../../src/nn/dot_product_attention.ts";
import { numbers } from "../engine/numbers.ts";
import { agreeOn } from "../support/agree.ts";
import { judgedBackends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { run } from "../support/run.ts";

let backends: readonly Backend[] = [];
beforeAll(async () => {
  backends = await Promise.all(judgedBackends.map(({ create }) => create()));
});
afterAll(async () => {
  for (const backend of backends) await backend.close();
});

describe("values and gradients are the reference's", () => {
  test.each<[string, Shape, Shape, number, boolean]>([
    ["a prompt of 77 tokens", [2, 50, 80], [2, 77, 80], 2, false],
    ["one head of an autoencoder", [1, 40, 512], [1, 40, 512], 1, false],
    ["a causal text of 77 tokens", [2, 77, 64], [2, 77, 64], 2, true],
    ["one token", [1, 1, 6], [1, 1, 6], 3, true],
  ])("%s", async (_, queries, keys, heads, isCausal) => {
    await agreeOn(
      backends,
      [queries, keys, keys],
      (q, k, v) => dotProductAttention(q, k, v, { heads, isCausal }),
      5e-6,
    );
  });
});

const tensor = (shape: readonly [number, number, number], seed: number) =>
  constant(Float32Array.from(numbers(shape[0] * shape[1] * shape[2], seed)), shape);

test("a causal query sees no later key", async () => {
  const [q, k, v] = [1, 2, 3].map((seed) => tensor([1, 6, 8], seed));
  const [whole] = await run([dotProductAttention(q, k, v, { heads: 2, isCausal: true })]);
  for (const tokens of [1, 3, 5]) {
    const [a, b, c] = [q, k, v].map((x) => x.slice([0, 0, 0], [1, tokens, 8]));
    const [part] = await run([dotProductAttention(a, b, c, { heads: 2, isCausal: true })]);
    expect(relativeError(whole.slice(0, part.length), part)).toBeLessThan(1e-6);
  }
  const [own] = await run([v.slice([0, 0, 0], [1, 1, 8])]);
  expect(relativeError(whole.slice(0, 8), own)).toBeLessThan(1e-6);
});

test("16-bit products keep the mask", async () => {
  const [q, k, v] = [1, 2, 3].map((seed) => tensor([1, 9, 16], seed));
  const mixed = dotProductAttention(q, k, v, { heads: 2, isCausal: true });
  const [exact] = await run([mixed]);
  const [halves] = await run(withHalves([mixed], "f16"));
  expect(relativeError(halves, exact)).toBeLessThan(2e-3);
  expect(relativeError(halves, exact)).toBeGreaterThan(0);
});
