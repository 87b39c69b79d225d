// A preset's options in TypeScript are those of the command.

import { expect, test } from "vitest";
import { trainPlan } from "../../src/cli/train/plan.ts";
import { presetOptions } from "../../src/training/preset_options.ts";
import { PRESET_NAMES } from "../../src/training/presets.ts";

const noInit = () => Promise.reject(new Error("no weights are given"));

test.each(PRESET_NAMES)("%s", async (preset) => {
  const plan = await trainPlan({ preset, out: "never/made" }, noInit);
  const { model, scheduler, codec, ...options } = presetOptions(preset);
  expect(plan.options).toMatchObject(options);
  expect(model.toConfig()).toEqual(plan.makeModel(3).toConfig());
  expect(scheduler.toConfig()).toEqual(plan.scheduler.toConfig());
  expect(codec.saved).toEqual(plan.options.codec?.saved);
});

test("of another size, form and length", async () => {
  const flags = { preset: "quick", size: { width: 96, height: 64 }, steps: 50, out: "never/made" } as const;
  const plan = await trainPlan(flags, noInit);
  const { model, scheduler, steps, warmupSteps } = presetOptions("quick", {
    ...{ size: flags.size, channels: 4, steps: 50 },
  });
  expect([steps, warmupSteps]).toEqual([50, plan.options.warmupSteps]);
  expect(model.toConfig()).toEqual(plan.makeModel(4).toConfig());
  expect(scheduler.toConfig()).toEqual(plan.scheduler.toConfig());
});
