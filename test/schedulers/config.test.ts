// Options, and reading and writing scheduler_config.json.

import { describe, expect, it } from "vitest";
import { toPythonJson } from "../../src/io/diffusers_json.ts";
import {
  DDIMScheduler,
  DDPMScheduler,
  isSchedulerName,
  makeScheduler,
  schedulerFloatKeys,
  schedulerFromConfig,
} from "../../src/schedulers/index.ts";

const savedByDiffusers = `{
  "_class_name": "DDPMScheduler",
  "_diffusers_version": "0.40.0.dev0",
  "beta_end": 0.02,
  "beta_schedule": "linear",
  "beta_start": 0.0001,
  "clip_sample": true,
  "clip_sample_range": 1.0,
  "dynamic_thresholding_ratio": 0.995,
  "num_train_timesteps": 1000,
  "prediction_type": "epsilon",
  "rescale_betas_zero_snr": false,
  "sample_max_value": 1.0,
  "steps_offset": 0,
  "thresholding": false,
  "timestep_spacing": "leading",
  "trained_betas": null,
  "variance_type": "fixed_small"
}
`;

describe("configs", () => {
  it("writes the file that diffusers writes", () => {
    const json = { ...new DDPMScheduler().toConfig(), _diffusers_version: "0.40.0.dev0" };
    expect(toPythonJson(json, schedulerFloatKeys)).toBe(savedByDiffusers);
  });

  it("reads what it wrote", () => {
    const trainedBetas = [0.1, 0.2, 0.3];
    const schedulers = [
      new DDPMScheduler({ betaSchedule: "squaredcos_cap_v2", varianceType: "learned_range" }),
      new DDPMScheduler({ numTrainTimesteps: 3, trainedBetas, rescaleBetasZeroSnr: true }),
      new DDIMScheduler({ setAlphaToOne: false, stepsOffset: 1, timestepSpacing: "trailing" }),
    ];
    for (const scheduler of schedulers) {
      const json: Record<string, unknown> = JSON.parse(JSON.stringify(scheduler.toConfig()));
      const warnings: string[] = [];
      const read = schedulerFromConfig(json, { warn: (message) => warnings.push(message) });
      expect(read.constructor).toBe(scheduler.constructor);
      expect(read.config).toEqual(scheduler.config);
      expect(read).toHaveProperty("alphasCumprod", scheduler.alphasCumprod);
      expect(warnings).toEqual([]);
    }
  });

  it("fills in defaults, skips private keys and names unknown ones", () => {
    const warnings: string[] = [];
    const json = { _class_name: "DDPMScheduler", _name_or_path: "x", beta_end: 0.01, predict_epsilon: true };
    const scheduler = schedulerFromConfig(json, { warn: (message) => warnings.push(message) });
    expect(scheduler.config).toEqual({ ...new DDPMScheduler().config, betaEnd: 0.01 });
    expect(warnings).toEqual(["DDPMScheduler does not know predict_epsilon: ignored"]);
  });

  it("makes one scheduler from another, or from its config", () => {
    const ddpm = new DDPMScheduler({
      betaSchedule: "scaled_linear",
      predictionType: "v_prediction",
      betaEnd: 0.012,
    });
    const warnings: string[] = [];
    for (const source of [ddpm, ddpm.config, ddpm.toConfig()]) {
      const warn = (message: string) => warnings.push(message);
      const ddim = DDIMScheduler.fromConfig(source, { warn });
      expect(ddim.config.predictionType).toBe("v_prediction");
      expect(ddim.alphasCumprod).toEqual(ddpm.alphasCumprod);
    }
    expect(warnings).toEqual(["DDIMScheduler does not know variance_type: ignored"]);
    expect(makeScheduler("ddim", ddpm)).toBeInstanceOf(DDIMScheduler);
  });

  it("names the schedulers it knows", () => {
    expect(isSchedulerName("ddim")).toBe(true);
    expect(isSchedulerName("toString")).toBe(false);
    expect(() => schedulerFromConfig({ _class_name: "FooScheduler" })).toThrow(
      'the scheduler config has _class_name "FooScheduler", expected DDPMScheduler or DDIMScheduler',
    );
  });
});

describe("options", () => {
  const given = (option: Record<string, unknown>) => () => DDPMScheduler.fromConfig(option);

  it.each([
    [
      { beta_schedule: "cubic" },
      'beta_schedule is "cubic", expected "linear" or "scaled_linear" or "squaredcos_cap_v2"',
    ],
    [{ variance_type: "other" }, 'variance_type is "other", expected "fixed_small" or "fixed_small_log"'],
    [{ prediction_type: "x0" }, 'prediction_type is "x0", expected "epsilon" or "sample" or "v_prediction"'],
    [{ timestep_spacing: 3 }, 'timestep_spacing is 3, expected "leading" or "trailing" or "linspace"'],
    [{ num_train_timesteps: 0 }, "num_train_timesteps is 0, expected >=1"],
    [{ num_train_timesteps: 2.5 }, "num_train_timesteps is 2.5, expected a whole"],
    [{ beta_end: 2 }, "beta_end is 2, expected <=1"],
    [{ beta_start: "0.1" }, 'beta_start is "0.1", expected number'],
    [{ clip_sample: null }, "clip_sample is null, expected boolean"],
    [{ trained_betas: [0.1, -1], num_train_timesteps: 2 }, "trained_betas[1] is -1, expected >=0"],
    [{ trained_betas: [0.1, 0.2] }, "trainedBetas has 2 values, expected numTrainTimesteps = 1000"],
  ])("%o is refused", (option, message) => {
    expect(given(option)).toThrow(`DDPMScheduler: ${message}`);
  });

  it("are camelCase in code, and a misspelt one is refused", () => {
    const misspelt: object = { betaShedule: "linear" };
    expect(() => new DDPMScheduler(misspelt)).toThrow(
      "DDPMScheduler has no option betaShedule; its options are",
    );
    const wrong: object = { betaStart: 0 };
    expect(() => new DDPMScheduler(wrong)).toThrow("DDPMScheduler: betaStart is 0, expected >0");
  });

  it("cannot be changed afterwards", () => {
    expect(Object.isFrozen(new DDIMScheduler().config)).toBe(true);
  });
});
