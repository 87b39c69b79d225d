// The schedulers over sigmas with their options, against loops of diffusers' own (tools/python/sigma_schedulers.py).

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { schedulerFromConfig } from "../../src/schedulers/index.ts";
import {
  absSum,
  countedNoise,
  dummyModel,
  dummyNoiseDeter,
  dummySampleDeter,
  firstImage,
  normalScore,
} from "./harness.ts";

const rowsSchema = v.array(
  v.object({
    scheduler: v.string(),
    config: v.record(v.string(), v.unknown()),
    steps: v.number(),
    mu: v.exactOptional(v.number()),
    abs_sum: v.number(),
    dot: v.number(),
    draws: v.number(),
  }),
);
const fixture = new URL("../fixtures/sigma_schedulers.json", import.meta.url);
const rows = v.parse(rowsSchema, JSON.parse(readFileSync(fixture, "utf8")));
const classes = [...new Set(rows.map(({ scheduler }) => scheduler))];

/** Runs begin with Σ|x| of some 60,000; this much rounding is left in the sum of diffusers' float32 images. */
const LEFT_OF_CANCELLED = 5e-3;

/** How close sums are, relative to diffusers'. */
function closeness({ scheduler, config, steps }: (typeof rows)[number]): number {
  // From σ = 157 to 0.03 in one step, diffusers' float32 σ_down = sqrt(σ² - σ_up²) has three digits left.
  if (scheduler === "KDPM2AncestralDiscreteScheduler" && steps === 2) return 1e-3;
  // σ from 20,000 down; and t/(t + 1) of the "model" close to t = -1.
  const isWide = config.use_beta_sigmas === true && config.beta_schedule === "squaredcos_cap_v2";
  return isWide || config.sigma_schedule === "exponential" ? 1e-4 : 1e-5;
}

/** The sum of x * noise. */
function dotWithNoise({ data }: HostTensor): number {
  const noise = dummyNoiseDeter().data;
  return data.reduce((sum, x, i) => sum + x * noise[i], 0);
}

function run({ scheduler: _class_name, config, steps, mu }: (typeof rows)[number]) {
  const scheduler = schedulerFromConfig({ ...config, _class_name });
  scheduler.setTimesteps({ numInferenceSteps: steps, ...(mu !== undefined && { mu }) });
  const noise = countedNoise();
  const isOfScores = _class_name === "ScoreSdeVeScheduler";
  const { data, shape } = isOfScores ? firstImage(dummySampleDeter()) : dummySampleDeter();
  const start = data.map((x) => x * scheduler.initNoiseSigma);
  let sample = hostTensor(start, shape);
  for (const [i, t] of scheduler.timesteps.entries()) {
    const output = (isOfScores ? normalScore : dummyModel)(scheduler.scaleModelInput(sample, t), t);
    // The Brownian motion is not diffusers': given noise takes its place.
    const isGiven = _class_name === "DPMSolverSDEScheduler" && i < scheduler.timesteps.length - 1;
    const options = isGiven ? { varianceNoise: noise.randn(shape) } : { noise };
    sample = scheduler.step(output, t, sample, options).prevSample;
  }
  return { sample, draws: noise.draws };
}

describe("sampling loops of diffusers over options", () => {
  it.each(classes)("%s", (name) => {
    for (const row of rows.filter(({ scheduler }) => scheduler === name)) {
      const label = `${JSON.stringify(row.config)}, ${row.steps} steps`;
      const { sample, draws } = run(row);
      expect(draws, label).toBe(row.draws);
      const allowed = closeness(row) * row.abs_sum + LEFT_OF_CANCELLED;
      expect(Math.abs(absSum(sample) - row.abs_sum), label).toBeLessThan(allowed);
      expect(Math.abs(dotWithNoise(sample) - row.dot), label).toBeLessThan(allowed);
    }
  });
});
