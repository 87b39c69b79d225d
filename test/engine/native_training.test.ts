// A small UNet trains as machine code: losses and weights have WebAssembly's bits, for any number of threads.

import { expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { StepComputer } from "../../src/training/step/step_computer.ts";
import { traceStep } from "../../src/training/step/traced_step.ts";
import { describeNative } from "../support/native.ts";
import { nativeBackend } from "../support/native_machine.ts";
import { tinyStep } from "../support/tiny_step.ts";
import { numbers } from "./numbers.ts";

const STEPS = 3;
const BATCH = 4;
const settings = {
  ...PRESETS.quick32.settings,
  ...{ steps: STEPS, batchSize: BATCH, warmupSteps: 1, seed: 1, labelDropout: 0, microbatch: null },
};

/** Losses and norms of each step, then the weights and their average. */
async function train(backend: Backend, precision: "fp32" | "fp16") {
  try {
    const traced = traceStep(backend, { ...tinyStep(BATCH), precision, maxGradNorm: 1, ema: true });
    const computer = await StepComputer.begin(backend, traced, { ...settings, precision });
    const results: number[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const { loss, gradNorm } = await computer.compute({ step, images: numbers(BATCH * 8 * 8 * 3, step) });
      results.push(loss, gradNorm);
    }
    const { network, ema } = await computer.values(STEPS);
    return { results, network: dataOf(network), ema: dataOf(ema ?? new Map()) };
  } finally {
    await backend.close();
  }
}

const dataOf = (state: ReadonlyMap<string, { readonly data: Float32Array }>) =>
  [...state].map(([name, { data }]) => [name, data]);

describeNative("training as machine code", (instructions) => {
  test.skipIf(!hasRelaxedSimd()).each(["fp32", "fp16"] as const)("%s", async (precision) => {
    const wanted = await train(new WasmBackend({ threads: 1 }), precision);
    expect(wanted.network.length).toBeGreaterThan(10);
    for (const threads of [1, 2])
      expect(await train(nativeBackend(instructions, { threads }), precision)).toEqual(wanted);
  });
});
