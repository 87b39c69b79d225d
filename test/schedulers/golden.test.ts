// golden.test.ts: whole sampling loops against the numbers of diffusers' own schedulers.

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { schedulerFromConfig, torchNoise } from "../../src/schedulers/index.ts";
import { absSum, dummyNoiseDeter, dummySampleDeter, fullLoop } from "./harness.ts";

const known = ["DDPMScheduler", "DDIMScheduler"];
const rowsSchema = v.pipe(
  v.array(v.looseObject({ scheduler: v.string() })),
  v.filterItems(({ scheduler }) => known.includes(scheduler)),
  v.array(
    v.object({
      test: v.string(),
      scheduler: v.string(),
      config: v.record(v.string(), v.unknown()),
      num_inference_steps: v.nullable(v.number()),
      abs_sum: v.number(),
      abs_mean: v.number(),
      randn_calls: v.number(),
      note: v.string(),
    }),
  ),
);
const fixture = new URL("../fixtures/schedulers.json", import.meta.url);
const rows = v.parse(rowsSchema, JSON.parse(readFileSync(fixture, "utf8")));

describe("sampling loops of diffusers' test suite", () => {
  it("has every DDPM and DDIM row", () => expect(rows.length).toBe(8));

  it.each(rows)("$test", (row) => {
    const scheduler = schedulerFromConfig({ ...row.config, _class_name: row.scheduler });
    if (row.num_inference_steps !== null) scheduler.setTimesteps(row.num_inference_steps);
    let draws = 0;
    const torch = torchNoise(new TorchGenerator(0));
    const noise = {
      randn(shape: readonly number[]) {
        draws++;
        return torch.randn(shape);
      },
    };
    const skipped = /add_noise then timesteps\[(\d+)\*order:\]/.exec(row.note)?.[1];
    const timesteps = scheduler.timesteps.slice(Number(skipped ?? 0) * scheduler.order);
    const start = skipped
      ? scheduler.addNoise(dummySampleDeter(), dummyNoiseDeter(), timesteps.slice(0, 1))
      : dummySampleDeter();
    const sample = fullLoop(scheduler, timesteps, start, { noise });
    const sum = absSum(sample);
    expect(draws).toBe(row.randn_calls);
    // diffusers' own tolerances are 1e-2 on the sum and 1e-3 on the mean; these are a thousand times closer.
    expect(Math.abs(sum / row.abs_sum - 1)).toBeLessThan(1e-6);
    expect(Math.abs(sum / sample.data.length - row.abs_mean)).toBeLessThan(1e-6);
  });
});
