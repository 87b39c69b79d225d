// Values that become infinite or NaN during sampling end it at once, with an error that says so.

import { expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { NotFiniteError, PipelineError } from "../../src/pipelines/errors.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "./support.ts";

/** Finite weights, whose products are not. */
function hugeUNet() {
  const unet = tinyUNet();
  const weights = unet.stateDict();
  for (const name of ["conv_in.weight", "conv_out.weight"]) weights.get(name)?.data.fill(3e38);
  return unet.loadStateDict(weights);
}

test.each(["ddpm", "ddim", "euler", "dpm++", "unipc"] as const)("%s", async (scheduler) => {
  const pipeline = new DDPMPipeline(hugeUNet(), new DDPMScheduler({ clipSample: false }), {
    backend: "reference",
  });
  let steps = 0;
  const drawn = pipeline.generate({ scheduler, steps: 10, onStep: () => steps++ });
  await expect(drawn).rejects.toThrow(NotFiniteError);
  await expect(drawn).rejects.toThrow(
    /^the images hold -?(NaN|Infinity) after step \d of 10: the weights are damaged or of a run that diverged, or/,
  );
  expect(steps).toBeLessThan(3);
});

test.each(["adaptive", "gotta-go-fast", "pc"] as const)("%s", async (scheduler) => {
  const pipeline = new DDPMPipeline(hugeUNet(), new DDPMScheduler({ clipSample: false }), {
    backend: "reference",
  });
  const drawn = pipeline.generate({ scheduler, ...(scheduler === "pc" && { steps: 3 }) });
  await expect(drawn).rejects.toThrow(PipelineError);
  await expect(drawn).rejects.toThrow(/not finite|the images hold/);
});

test("a tolerance that cannot be met is told as the pipeline's error", async () => {
  const pipeline = new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { backend: "reference" });
  const drawn = pipeline.generate({ scheduler: "gotta-go-fast", rtol: 0, atol: 1e-30 });
  await expect(drawn).rejects.toThrow(PipelineError);
  await expect(drawn).rejects.toThrow("without meeting the tolerance; raise rtol or atol");
});
