// The decay of the moving average, its update, and its settings in JSON.

import { expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { input } from "../../src/engine/tensor.ts";
import { toPythonJson } from "../../src/io/diffusers_json.ts";
import { emaDecay, emaDefaults, emaToJson, emaUpdate } from "../../src/training/step/ema.ts";

test("the first step takes the weights as they are", () => {
  expect(emaDecay(0, emaDefaults)).toBe(0);
  expect(emaDecay(1, emaDefaults)).toBe(0);
});

test("with warm-up the decay rises by a power law", () => {
  expect(emaDecay(2, emaDefaults)).toBeCloseTo(1 - 2 ** -0.75, 12);
  expect(emaDecay(1001, emaDefaults)).toBeCloseTo(1 - 1001 ** -0.75, 12);
});

test("without warm-up it is (1 + step)/(10 + step)", () => {
  const config = { ...emaDefaults, useEmaWarmup: false };
  expect(emaDecay(2, config)).toBeCloseTo(2 / 11, 12);
  expect(emaDecay(101, config)).toBeCloseTo(101 / 110, 12);
});

test("it stays between floor and ceiling, and begins after updateAfterStep", () => {
  expect(emaDecay(1e9, emaDefaults)).toBe(0.9999);
  expect(emaDecay(2, { ...emaDefaults, minDecay: 0.6 })).toBe(0.6);
  expect(emaDecay(11, { ...emaDefaults, updateAfterStep: 10, minDecay: 0.6 })).toBe(0);
  expect(emaDecay(12, { ...emaDefaults, updateAfterStep: 10 })).toBe(emaDecay(2, emaDefaults));
});

test("the update moves the average towards the weight", async () => {
  const [average, weight] = [input([2]), input([2])];
  const rate = input([]);
  const executable = await new ReferenceBackend().compile({
    name: "ema",
    inputs: [average, weight, rate],
    outputs: [emaUpdate(average, weight, rate)],
  });
  const run = (r: number) =>
    executable.run([Float32Array.of(1, 2), Float32Array.of(3, 0), Float32Array.of(r)]);
  expect(await run(1)).toEqual([Float32Array.of(3, 0)]);
  expect(await run(0.25)).toEqual([Float32Array.of(1.5, 1.5)]);
  expect(await run(0)).toEqual([Float32Array.of(1, 2)]);
});

test("its settings are written as diffusers writes them", () => {
  expect(
    toPythonJson(emaToJson(emaDefaults, 20), new Set(["decay", "min_decay", "inv_gamma", "power"])),
  ).toBe(
    `{
  "decay": 0.9999,
  "inv_gamma": 1.0,
  "min_decay": 0.0,
  "optimization_step": 20,
  "power": 0.75,
  "update_after_step": 0,
  "use_ema_warmup": true
}
`,
  );
});
