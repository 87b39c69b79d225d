// Winograd convolutions on random shapes and plans against a plain float64 loop, and when they are chosen.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planWinograd, planWinogradGrad } from "../../src/engine/backends/cpu/kernels/conv2d/conv_cost.ts";
import { winogradForward, winogradGradInput } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d.ts";
import { NR } from "../../src/engine/backends/cpu/kernels/matmul/micro.ts";
import {
  lowerWinogradConv,
  type WinogradPlan,
} from "../../src/engine/backends/cpu/kernels/winograd/winograd_conv2d.ts";
import { lowerWinogradGradFilter } from "../../src/engine/backends/cpu/kernels/winograd/winograd_grad_filter.ts";
import { checkForward, checkGradFilter, checkGradInput, randomSpecs, withOutput } from "./conv2d_sums.ts";

const specs = randomSpecs({
  channels: fc.constantFrom(4, 8, 12, 16, 20, 24, 32, 40),
  side: fc.integer({ min: 1, max: 11 }),
  kernel: fc.constant(3),
  stride: fc.constant(1),
  pad: fc.integer({ min: 0, max: 3 }),
});
const tileBlock = fc.constantFrom(6, 12, 18);
const halved = fc.boolean();
const inner = fc.constantFrom(undefined, 4, 8);
/** With an inner depth that divides the channels of the source. */
const withInner = (plan: WinogradPlan, depth: number | undefined, channels: number): WinogradPlan =>
  depth === undefined ? plan : { ...plan, innerDepth: channels % depth === 0 ? depth : channels };
const blockOf = (count: number, half: boolean): number =>
  half && count % (2 * NR) === 0 ? count / 2 : count;

const spec = (n: number, size: number, ci: number, co: number) =>
  withOutput({ n, h: size, w: size, ci, co, kh: 3, kw: 3, stride: [1, 1], padding: [1, 1, 1, 1] });

describe("forward", () => {
  test("random shapes", () => {
    fc.assert(
      fc.property(specs, tileBlock, halved, inner, (c, tiles, half, depth) => {
        const plan = withInner({ tileBlock: tiles, channelBlock: blockOf(c.co, half) }, depth, c.ci);
        checkForward(c, lowerWinogradConv(winogradForward(c), plan));
      }),
      { numRuns: 100 },
    );
  });
  test.each([
    [2, 12, 64, 64],
    [1, 8, 128, 40],
    [1, 4, 512, 16],
    [1, 4, 768, 16],
  ])("%i x %i px, %i -> %i channels", (n, size, ci, co) => {
    const c = { ...spec(n, size, ci, co), bias: true, residual: true };
    const plan = { tileBlock: 12, channelBlock: co };
    checkForward(c, lowerWinogradConv(winogradForward(c), plan));
    checkForward(c, lowerWinogradConv(winogradForward(c), { ...plan, innerDepth: 64 }));
  });
});

describe("image gradient", () => {
  test("random shapes", () => {
    fc.assert(
      fc.property(specs, tileBlock, halved, inner, (c, tiles, half, depth) => {
        const plan = withInner({ tileBlock: tiles, channelBlock: blockOf(c.ci, half) }, depth, c.co);
        checkGradInput(c, lowerWinogradConv(winogradGradInput(c), plan));
      }),
      { numRuns: 100 },
    );
  });
  test.each([
    [2, 12, 64, 64],
    [1, 4, 40, 512],
  ])("%i x %i px, %i -> %i channels", (n, size, ci, co) => {
    const c = spec(n, size, ci, co);
    const plan = { tileBlock: 12, channelBlock: ci };
    checkGradInput(c, lowerWinogradConv(winogradGradInput(c), plan));
    checkGradInput(c, lowerWinogradConv(winogradGradInput(c), { ...plan, innerDepth: 32 }));
  });
});

describe("filter gradient", () => {
  test("random shapes", () => {
    fc.assert(
      fc.property(
        specs,
        fc.constantFrom(4, 8),
        fc.integer({ min: 1, max: 3 }),
        halved,
        (c, tiles, blocks, half) => {
          const plan = {
            tileBlock: tiles,
            chunkBlocks: blocks,
            rowBlock: blockOf(c.ci, !half),
            columnBlock: blockOf(c.co, half),
          };
          checkGradFilter(c, lowerWinogradGradFilter(c, plan));
        },
      ),
      { numRuns: 100 },
    );
  });
  test.each([
    [3, 12, 64, 64],
    [2, 32, 16, 24],
  ])("%i x %i px, %i -> %i channels", (n, size, ci, co) => {
    const plan = { tileBlock: 16, chunkBlocks: 1, rowBlock: ci, columnBlock: co };
    const c = spec(n, size, ci, co);
    checkGradFilter(c, lowerWinogradGradFilter(c, plan));
  });
});

test("it is chosen where it is faster", () => {
  const plan = (n: number, size: number, ci: number, co: number) =>
    planWinograd(winogradForward(spec(n, size, ci, co))) && planWinogradGrad(spec(n, size, ci, co));
  expect(plan(16, 32, 64, 64)).toBeDefined();
  expect(plan(16, 4, 256, 256)).toBeDefined();
  expect(plan(4, 128, 128, 128)).toBeDefined();
  expect(plan(16, 32, 3, 64), "channels that are no whole vectors").toBeUndefined();
  expect(plan(16, 1, 256, 256), "tiles that are nearly empty").toBeUndefined();
  expect(plan(1, 4, 256, 256), "fewer tiles than transforming the filters is worth").toBeUndefined();
});
