import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { PRESET_NAMES, PRESETS, runSteps, stepsPerEpoch } from "../../src/training/presets.ts";
import { settingsProblem } from "../../src/training/settings.ts";
import { VERSION } from "../../src/version.ts";

test.each([
  ["butterflies32", 18_536_323, "butterflies32"],
  ["cifar10", 35_746_307, "cifar10_32"],
  ["butterflies128", 113_673_219, "butterflies128"],
] as const)("%s is the model of that name: %i parameters and the same config", (name, parameters, layout) => {
  const { model, size } = PRESETS[name];
  const unet = new UNet2DModel({ ...model, sampleSize: size });
  expect(unet.parameterCount).toBe(parameters);
  const file = new URL(`../fixtures/checkpoint_layout/${layout}/unet/config.json`, import.meta.url);
  const expected = JSON.parse(readFileSync(file, "utf8"));
  // The fixture was written by another version of diffusers.
  const config = { ...unet.toConfig(), _diffusers_version: "0.40.0.dev0" };
  expect(JSON.parse(JSON.stringify(config))).toEqual(expected);
});

test.each(PRESET_NAMES)("%s can be trained", (name) => {
  const { model, scheduler, size, settings, length } = PRESETS[name];
  const unet = new UNet2DModel(model);
  expect(size % unet.sizeFactor).toBe(0);
  expect(new DDPMScheduler(scheduler).alphasCumprod).toHaveLength(1000);
  const steps = runSteps(length, 1000, settings.batchSize);
  expect(
    settingsProblem({ ...settings, steps, seed: 0, precision: "fp32", microbatch: null, labelDropout: 0 }),
  ).toBeUndefined();
});

test("the course's run of 30 epochs is 480 steps", () => {
  expect(stepsPerEpoch(1000, 64)).toBe(16);
  expect(runSteps(PRESETS.butterflies32.length, 1000, 64)).toBe(480);
  expect(runSteps(PRESETS.butterflies128.length, 1000, 16)).toBe(3150);
});

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(VERSION).toBe(manifest.version);
});
