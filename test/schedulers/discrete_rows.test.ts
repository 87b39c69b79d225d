// Whole sampling loops with options that diffusers' own tests do not cover, against its numbers
// (tools/python/discrete_scheduler_rows.py).

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { schedulerFromConfig, torchNoise } from "../../src/schedulers/index.ts";
import { absSum, dummyModel, dummySampleDeter } from "./harness.ts";

const rowSchema = v.object({
  scheduler: v.string(),
  config: v.record(v.string(), v.unknown()),
  steps: v.union([v.number(), v.array(v.number())]),
  options: v.object({ eta: v.exactOptional(v.number()) }),
  abs_sum: v.number(),
  norm: v.number(),
});
const fixture = new URL("../fixtures/discrete_scheduler_rows.json", import.meta.url);
const rows = v.parse(v.array(rowSchema), JSON.parse(readFileSync(fixture, "utf8"))).map((row) => ({
  ...row,
  title: `${row.scheduler} ${row.steps} ${JSON.stringify({ ...row.config, ...row.options })}`,
}));

/** The output with half of it as a learned variance behind its channels. */
function doubled({ data, shape }: HostTensor): HostTensor {
  const channels = shape.at(-1) ?? 1;
  const out = new Float32Array(2 * data.length);
  for (const [i, value] of data.entries()) {
    const at = 2 * i - (i % channels);
    out[at] = value;
    out[at + channels] = value / 2;
  }
  return hostTensor(out, [...shape.slice(0, -1), 2 * channels]);
}

describe("sampling loops that diffusers' tests leave out", () => {
  it.each(rows)("$title", (row) => {
    const scheduler = schedulerFromConfig({ ...row.config, _class_name: row.scheduler });
    scheduler.setTimesteps(typeof row.steps === "number" ? row.steps : { timesteps: row.steps });
    const noise = torchNoise(new TorchGenerator(0));
    const start = dummySampleDeter();
    let sample = hostTensor(
      start.data.map((x) => x * scheduler.initNoiseSigma),
      start.shape,
    );
    // At timestep 0 the "model" says 0, which UnCLIP would take for the image.
    const count = scheduler.timesteps.length - (row.scheduler === "UnCLIPScheduler" ? 1 : 0);
    for (const t of scheduler.timesteps.slice(0, count)) {
      const output = dummyModel(scheduler.scaleModelInput(sample, t), t);
      const given = row.config.variance_type === "learned_range" ? doubled(output) : output;
      sample = scheduler.step(given, t, sample, { ...row.options, noise }).prevSample;
    }
    const worst = Math.max(
      Math.abs(absSum(sample) / row.abs_sum - 1),
      Math.abs(Math.hypot(...sample.data) / row.norm - 1),
    );
    // PNDM's weights are large near pure noise and what they weigh cancels: how torch rounds one of them shows there.
    expect(worst).toBeLessThan(row.scheduler === "PNDMScheduler" ? 2.5e-5 : 2e-6);
  });
});
