// imago sample with the samplers that choose their own steps.

import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, imago, workFolder } from "./support.ts";

const work = workFolder();
let model: string;
beforeAll(async () => {
  model = work.path("pipeline");
  const scheduler = new DDPMScheduler({ rescaleBetasZeroSnr: true, predictionType: "v_prediction" });
  await new DDPMPipeline(tinyUNet(), scheduler).savePretrained(model);
});

test("pc with a film and --json; the same images in any batch", async () => {
  const args = ["sample", model, "--scheduler", "pc", "--steps", "12", "--count", "3", "--snr", "0.1"];
  const film = ["--film-strip", work.path("film.png"), "--json"];
  const { code, stdout, stderr } = await imago(...args, ...film, "--out", work.path("a.png"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    event: "done",
    steps: 12,
    scheduler: "pc",
    model_calls: 69,
    model_calls_per_image: [23, 23, 23],
  });
  const tile = 8 * 16 + 4;
  const { width, height } = await sharp(work.path("film.png")).metadata();
  expect([width, height]).toEqual([10 * tile + 4, 2 * tile + 4]);
  expect((await imago(...args, "--batch-size", "2", "--out", work.path("b.png"))).code).toBe(0);
  expect(await readFile(work.path("b.png"))).toEqual(await readFile(work.path("a.png")));
});

test("adaptive says how often it asked the model", async () => {
  const out = work.path("adaptive.png");
  const tolerance = ["--rtol", "1", "--atol", "0.5"];
  const said = await imago(
    "sample",
    model,
    "--scheduler",
    "adaptive",
    "--count",
    "2",
    ...tolerance,
    "--out",
    out,
  );
  expect(said).toMatchObject({ code: 0, stderr: "" });
  expect(said.stdout).toMatch(/2 images in \d+ s, (\d+-)?\d+ model calls each: .*adaptive\.png\n$/);
});

test("an option that the scheduler has no use for is an error", async () => {
  for (const [args, message] of [
    [["--snr", "0.1"], "--snr counts for pc, not for ddim; leave it out"],
    [
      ["--scheduler", "pc", "--rtol", "0.1"],
      "--rtol counts for dpm-adaptive, gotta-go-fast, adaptive, not for pc",
    ],
    [["--scheduler", "gotta-go-fast", "--corrector-steps", "2"], "--corrector-steps counts for pc"],
    [
      ["--scheduler", "adaptive", "--steps", "20"],
      "--steps does not go with adaptive, which chooses its own",
    ],
    [["--scheduler", "pc", "--eta", "1"], "--eta does not go with pc; leave it out"],
    [["--scheduler", "pc", "--snr", "0"], '--snr is "0"; expected a number above 0'],
    [["--scheduler", "pc", "--steps", "1001"], "numInferenceSteps is 1001"],
  ] as const) {
    const { code, line } = await failure(["sample", model, ...args, "--out", work.path("none.png")]);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});
