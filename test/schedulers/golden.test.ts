// Whole sampling loops against the numbers of diffusers' own schedulers.

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import {
  type NoiseSource,
  type StepOptions,
  schedulerFromConfig,
  schedulers,
} from "../../src/schedulers/index.ts";
import { absSum, countedNoise, dummyNoiseDeter, dummySampleDeter, fullLoop, plainLoop } from "./harness.ts";

/** Held against other numbers: in golden_sigma.test.ts, solvers.test.ts, dpmsolver_sde.test.ts and pipelines/repaint.test.ts. */
const elsewhere = [
  "DPMSolverMultistepInverseScheduler",
  "DPMSolverSDEScheduler",
  "FlowMatchHeunDiscreteScheduler",
  "FlowMatchLCMScheduler",
  "IPNDMScheduler",
  "RePaintScheduler",
  "SCMScheduler",
  "ScoreSdeVeScheduler",
];
const known = Object.values(schedulers)
  .map(({ className }) => className)
  .filter((name) => !elsewhere.includes(name));
/** Those that round every operation as diffusers does. */
const exact = ["DDPMScheduler", "DDIMScheduler", "DDIMInverseScheduler", "UnCLIPScheduler"];
/** The fixture's JSON has no infinity. */
const withInfinity = (config: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, value === "-inf" ? Number.NEGATIVE_INFINITY : value]),
  );
const rowsSchema = v.pipe(
  v.array(v.looseObject({ scheduler: v.string() })),
  v.filterItems(({ scheduler }) => known.includes(scheduler)),
  v.array(
    v.object({
      test: v.string(),
      scheduler: v.string(),
      config: v.pipe(v.record(v.string(), v.unknown()), v.transform(withInfinity)),
      // a number of steps, or the timesteps themselves
      num_inference_steps: v.nullable(v.union([v.number(), v.array(v.number())])),
      abs_sum: v.number(),
      abs_mean: v.number(),
      randn_calls: v.number(),
      note: v.string(),
    }),
  ),
);
const fixture = new URL("../fixtures/schedulers.json", import.meta.url);
const rows = v.parse(rowsSchema, JSON.parse(readFileSync(fixture, "utf8")));

/** Options of the steps; a note names an eta that is not the default. */
function stepOptions(note: string, noise: NoiseSource): StepOptions {
  const eta = /\beta=([\d.]+)/.exec(note)?.[1];
  return { noise, ...(eta !== undefined && { eta: Number(eta) }) };
}

describe("sampling loops of diffusers' test suite", () => {
  it("has rows of every class", () => {
    const found = new Set(rows.map(({ scheduler }) => scheduler));
    expect([...found].sort()).toEqual([...known].sort());
  });

  it.each(rows)("$test", (row) => {
    const scheduler = schedulerFromConfig({ ...row.config, _class_name: row.scheduler });
    const steps = row.num_inference_steps;
    if (steps !== null) scheduler.setTimesteps(typeof steps === "number" ? steps : { timesteps: steps });
    const noise = countedNoise();
    const skipped = /add_noise then timesteps\[(\d+)\*order:\]/.exec(row.note)?.[1];
    const timesteps = scheduler.timesteps.slice(Number(skipped ?? 0) * scheduler.order);
    const isScaled = row.note.includes("scale_model_input");
    const { data, shape } = dummySampleDeter();
    const scaled = hostTensor(isScaled ? data.map((x) => x * scheduler.initNoiseSigma) : data, shape);
    const start = skipped ? scheduler.addNoise(scaled, dummyNoiseDeter(), timesteps.slice(0, 1)) : scaled;
    const unscaled = row.note.includes("unscaled sample passed to step");
    const options = stepOptions(row.note, noise);
    const sample = isScaled
      ? fullLoop(scheduler, timesteps, start, options, unscaled)
      : plainLoop(scheduler, timesteps, start, options);
    const sum = absSum(sample);
    expect(noise.draws).toBe(row.randn_calls);
    // diffusers' own tolerances are 1e-2 on the sum and 1e-3 on the mean. Sums far below 1 are what is left when
    // larger values cancel.
    // The timesteps of EDM, log(σ) / 4, come close to -1, where the dummy model divides by zero.
    const [relative, absolute] = exact.includes(row.scheduler)
      ? [1e-6, 0]
      : row.scheduler === "EDMDPMSolverMultistepScheduler"
        ? [1e-4, 1e-6]
        : [5e-6, 1e-6];
    expect(Math.abs(sum - row.abs_sum)).toBeLessThan(relative * row.abs_sum + absolute);
    expect(Math.abs(sum / sample.data.length - row.abs_mean)).toBeLessThan(1e-6 * (1 + row.abs_mean));
  });
});
