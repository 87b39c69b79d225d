// A GPU tells only by refusing memory how much it has: the refusal then names the batch that fits.

import { expect, test } from "vitest";
import { MemoryError } from "../../src/engine/backend.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { buildFittingStep } from "../../src/training/step/compile_step.ts";
import { StepComputer } from "../../src/training/step/step_computer.ts";
import { traceStep } from "../../src/training/step/traced_step.ts";
import { describeOnGpu } from "../support/gpu.ts";
import { openLimited } from "../support/limited_gpu.ts";
import { tinyStep } from "../support/tiny_step.ts";

const recipe = {
  ...PRESETS.quick32.settings,
  seed: 0,
  labelDropout: 0,
  precision: "fp32" as const,
  microbatch: null,
};
describeOnGpu("a batch that a GPU has no memory for", () => {
  test("is refused with the one that fits, and that one fits", async () => {
    const batchSize = 4096;
    const begin = async (backend: WebgpuBackend, size: number) => {
      const settings = { ...recipe, steps: 1, batchSize: size };
      return StepComputer.begin(backend, traceStep(backend, tinyStep(size)), settings);
    };
    const open = async () => WebgpuBackend.open(await openLimited(200 * 2 ** 20));
    const full = await open();
    await expect(begin(full, batchSize)).rejects.toBeInstanceOf(MemoryError);
    let advice = "";
    expect(() => {
      try {
        buildFittingStep(full, tinyStep(batchSize));
      } catch (error) {
        advice = error instanceof Error ? error.message : "";
        throw error;
      }
    }).toThrow(/^a batch of 4096 needs [\d,]+ MiB, but only \d+ MiB can be had; --batch-size \d+ fits$/);
    await full.close();
    const fits = Number(/--batch-size (\d+) fits/.exec(advice)?.[1]);
    expect(fits).toBeGreaterThan(64);
    const backend = await open();
    (await begin(backend, fits)).dispose();
    await backend.close();
  });
});
