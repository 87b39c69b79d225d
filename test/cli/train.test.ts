import type { ChildProcess } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { fixture } from "../data/support.ts";
import {
  contents,
  failure,
  finished,
  imago,
  imagoProcess,
  start,
  trainerOf,
  untilStep,
  workFolder,
} from "./support.ts";

const work = workFolder();
const tiny = (out: string, ...more: string[]) => [
  ...["train", "--model", work.path("model.json"), "--out", work.path(out), "--batch-size", "4"],
  ...["--steps", "24", "--sample-every", "8", "--checkpoint-every", "4", "--warmup-steps", "2"],
  ...["--sample-steps", "3", "--sample-count", "4", "--preset", "quick32", "--json", ...more],
];

test("a run writes all that is promised, the same with 1 and 2 threads", async () => {
  const { code, stdout, stderr } = await imagoProcess(...tiny("one", "--threads", "1"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ event }) => event === "step").map(({ step }) => step)).toEqual(
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  expect(events.at(-1)).toMatchObject({ event: "done", step: 24 });
  const one = await contents(work.path("one"));
  const checkpoint = [
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet_ema/config.json",
    "unet_ema/diffusion_pytorch_model.safetensors",
    "optimizer.safetensors",
    "state.json",
  ];
  expect([...one.keys()].sort()).toEqual(
    [
      "config.json",
      "loss.png",
      "metrics.jsonl",
      "samples.png",
      ...["08", "16", "24"].map((step) => `samples/0000${step}.png`),
      ...checkpoint.flatMap((file) => [`checkpoints/step-000020/${file}`, `checkpoints/step-000024/${file}`]),
      "pipeline/model_index.json",
      "pipeline/scheduler/scheduler_config.json",
      "pipeline/unet/config.json",
      "pipeline/unet/diffusion_pytorch_model.safetensors",
    ].sort(),
  );
  const average = JSON.parse(
    await readFile(work.path("one/checkpoints/step-000024/unet_ema/config.json"), "utf8"),
  );
  expect(average).toMatchObject({ decay: 0.9999, optimization_step: 24, update_after_step: 0 });

  expect((await imago(...tiny("two", "--threads", "2"))).code).toBe(0);
  expect(await contents(work.path("two"))).toEqual(one);

  expect((await imago(...tiny("other", "--seed", "1"))).code).toBe(0);
  expect((await contents(work.path("other"))).get("samples.png")).not.toEqual(one.get("samples.png"));
});

test("a preset's weighting and sampler do not go to a flow", async () => {
  const flow = ["--preset", "quick", "--prediction-type", "flow_prediction", "--steps", "4"];
  expect((await imago(...tiny("quick-flow", ...flow))).code).toBe(0);
  const { training } = JSON.parse(await readFile(work.path("quick-flow/config.json"), "utf8"));
  expect(training).toMatchObject({ loss_type: null, min_snr_gamma: null, sample_scheduler: null });
});

test("another distribution of timesteps leaves the preset's mean and deviation", async () => {
  expect(
    (await imago(...tiny("uniform", "--preset", "quick", "--steps", "4", "--timestep-sampling", "uniform")))
      .code,
  ).toBe(0);
  const { training } = JSON.parse(await readFile(work.path("uniform/config.json"), "utf8"));
  expect(training).toMatchObject({ timestep_sampling: "uniform", logit_mean: 0, logit_std: 1 });
});

test("the scheduler of the sample grids is that of later images where none is chosen", async () => {
  const drawnBy = ["--sample-scheduler", "euler-ancestral", "--sample-steps", "2", "--steps", "4"];
  expect((await imago(...tiny("ancestral", ...drawnBy))).code).toBe(0);
  const read = async (file: string) => JSON.parse(await readFile(work.path(`ancestral/${file}`), "utf8"));
  expect((await read("config.json")).training).toMatchObject({ sample_scheduler: "euler-ancestral" });
  expect(await read("pipeline/model_index.json")).toMatchObject({
    _imago_sampling: { scheduler: "euler-ancestral", steps: 2 },
  });
  const sample = [
    "sample",
    work.path("ancestral"),
    "--count",
    "4",
    "--out",
    work.path("later.png"),
    "--json",
  ];
  const { stdout } = await imago(...sample);
  expect(JSON.parse(stdout)).toMatchObject({ event: "done", scheduler: "euler-ancestral", steps: 2 });
  expect(await readFile(work.path("later.png"))).toEqual(await readFile(work.path("ancestral/samples.png")));
  const other = await imago(...sample, "--force", "--scheduler", "ddim");
  expect(JSON.parse(other.stdout)).toMatchObject({ scheduler: "ddim", steps: 50 });
  const { line } = await failure(tiny("flow", "--sample-scheduler", "flow-match-euler"));
  expect(line).toMatch(/sampleScheduler|--sample-scheduler/);
});

test.each([
  ["before the first checkpoint", 2],
  ["between checkpoints", 14],
  ["near the end", 23],
])("killed %s and resumed, a run ends with the same bytes", async (_, step) => {
  const out = `killed-${step}`;
  const child = start(tiny(out));
  const ended = finished(child);
  await untilStep(child, step);
  process.kill(await trainerOf(work.path(out)), "SIGKILL");
  expect((await ended).code).toBe(137);

  const { code, stderr } = await imago("train", "--out", work.path(out), "--resume", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const reference = await contents(work.path("one"));
  expect(await contents(work.path(out))).toEqual(reference);
});

test("Ctrl-C writes a checkpoint, says how to go on, and exits with 130", async () => {
  const interrupt = async (child: ChildProcess, atStep: number): Promise<number> => {
    const ended = finished(child);
    await untilStep(child, atStep);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^imago: stopped after step \d+; go on with: imago train --out .* --resume\n$/);
    const step = /step (\d+);/.exec(stderr)?.[1] ?? "";
    const checkpoints = await readdir(work.path("interrupted/checkpoints"));
    expect(checkpoints).toContain(`step-${step.padStart(6, "0")}`);
    return Number(step);
  };
  const step = await interrupt(start(tiny("interrupted", "--steps", "5000")), 5);
  const resumed = start(["train", "--out", work.path("interrupted"), "--resume", "--json"]);
  expect(await interrupt(resumed, step + 3)).toBeGreaterThan(step);
});

test("two processes cannot train one run; what a killed one left is cleared up", async () => {
  const first = start(tiny("shared", "--steps", "100000", "--sample-every", "0"));
  const ended = finished(first);
  await untilStep(first, 4);
  const second = await failure(["train", "--out", work.path("shared"), "--resume"]);
  expect(second.code).toBe(2);
  expect(second.line).toMatch(
    /another process is training this run \(process \d+ on .*\); wait until it ends/,
  );
  process.kill(await trainerOf(work.path("shared")), "SIGKILL");
  await ended;
  expect(await readdir(work.path("shared"))).toContain(".lock");
  // A crash between the two renames of the pipeline, and another while a checkpoint was written.
  const [old, tmp] = [".pipeline.0123456789ab.old", ".pipeline.0123456789ab.tmp"];
  await mkdir(work.path(`shared/${old}`));
  await rename(work.path("shared/pipeline"), work.path(`shared/${tmp}`));
  await mkdir(work.path("shared/checkpoints/.step-000999.0123456789ab.tmp"));
  const third = start(["train", "--out", work.path("shared"), "--resume", "--json"]);
  const said = finished(third);
  await new Promise((resolve) => third.stdout?.once("data", resolve));
  third.kill("SIGTERM");
  expect((await said).code).toBe(130);
  expect((await readdir(work.path("shared"))).sort()).toEqual(
    ["checkpoints", "config.json", "loss.png", "metrics.jsonl", "pipeline"].sort(),
  );
  expect((await readdir(work.path("shared/checkpoints"))).join()).toMatch(/^step-\d+,step-\d+$/);
});

test("a start that was killed before it wrote anything does not stand in the way", async () => {
  await mkdir(work.path("begun"));
  await writeFile(work.path("begun/.lock"), "");
  await utimes(work.path("begun/.lock"), 0, 0);
  await writeFile(work.path("begun/.config.json.0123456789ab.tmp"), "{");
  const { code, stderr } = await imago(...tiny("begun", "--steps", "3"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect((await readdir(work.path("begun"))).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a reader that goes away ends the run as Ctrl-C does, with a checkpoint", async () => {
  const child = start(tiny("unread", "--steps", "100000", "--sample-every", "0"));
  const ended = finished(child);
  await untilStep(child, 4);
  child.stdout?.destroy();
  expect((await ended).code).toBe(130);
  expect((await readdir(work.path("unread/checkpoints"))).at(-1)).toMatch(/^step-\d+$/);
});

test("a finished run says so; a constant learning rate lets it go on", async () => {
  const again = await imago("train", "--out", work.path("one"), "--resume");
  expect(again.code).toBe(0);
  expect(again.stdout).toMatch(/is finished: 24 steps done\. Draw from it: imago sample /);
  const longer = await imago("train", "--out", work.path("one"), "--resume", "--steps", "30");
  expect(longer).toMatchObject({ code: 2, stderr: expect.stringMatching(/cosine learning rate ends there/) });

  const constant = ["--lr-schedule", "constant", "--warmup-steps", "0"];
  expect((await imago(...tiny("long", ...constant, "--steps", "14"))).code).toBe(0);
  expect((await imago(...tiny("short", ...constant, "--steps", "9"))).code).toBe(0);
  const more = ["--resume", "--steps", "14", "--json"];
  expect((await imago("train", "--out", work.path("short"), ...more)).code).toBe(0);
  const [long, short] = [await contents(work.path("long")), await contents(work.path("short"))];
  expect(short.get("samples.png")).toEqual(long.get("samples.png"));
  expect(short.get("checkpoints/step-000014/optimizer.safetensors")).toEqual(
    long.get("checkpoints/step-000014/optimizer.safetensors"),
  );
});

test("how timesteps and noise are drawn stands in the run's config and is resumed", async () => {
  const options = [
    ...["--prediction-type", "epsilon", "--no-rescale-betas-zero-snr", "--no-min-snr-gamma"],
    ...["--timestep-sampling", "logit-normal", "--logit-mean", "-0.5", "--logit-std", "0.8"],
    ...["--noise-offset", "0.1", "--input-perturbation", "0.2", "--lr-schedule", "constant"],
  ];
  expect((await imago(...tiny("drawn", ...options))).code).toBe(0);
  expect((await imago(...tiny("drawn-short", ...options, "--steps", "9"))).code).toBe(0);
  const more = ["--resume", "--steps", "24", "--json"];
  expect((await imago("train", "--out", work.path("drawn-short"), ...more)).code).toBe(0);
  const { training, scheduler } = JSON.parse(await readFile(work.path("drawn/config.json"), "utf8"));
  expect(training).toMatchObject({
    min_snr_gamma: null,
    timestep_sampling: "logit-normal",
    logit_mean: -0.5,
    logit_std: 0.8,
    noise_offset: 0.1,
    input_perturbation: 0.2,
  });
  expect(scheduler).toMatchObject({ prediction_type: "epsilon", rescale_betas_zero_snr: false });
  const [whole, resumed] = [await contents(work.path("drawn")), await contents(work.path("drawn-short"))];
  expect(resumed.get("samples.png")).toEqual(whole.get("samples.png"));
  expect(resumed.get("checkpoints/step-000024/optimizer.safetensors")).toEqual(
    whole.get("checkpoints/step-000024/optimizer.safetensors"),
  );
});

test("which columns the images come from stands in the run's config and is resumed", async () => {
  const from = ["--data", fixture("two_images"), "--image-column", "after"];
  expect((await imago(...tiny("columns", ...from))).code).toBe(0);
  const config = JSON.parse(await readFile(work.path("columns/config.json"), "utf8"));
  expect(config.data).toMatchObject({ selection: { imageColumn: "after" }, count: 2 });
  expect((await imago("train", "--out", work.path("columns"), "--resume")).stdout).toMatch(/is finished/);
});

test("a flow is trained, drawn and resumed as it was begun", async () => {
  const options = ["--prediction-type", "flow_prediction", "--flow-shift", "2"];
  expect((await imago(...tiny("flow", ...options, "--steps", "12"))).code).toBe(0);
  const { training, scheduler } = JSON.parse(await readFile(work.path("flow/config.json"), "utf8"));
  expect(training.min_snr_gamma).toBeNull();
  expect(scheduler).toMatchObject({ _class_name: "FlowMatchEulerDiscreteScheduler", shift: 2 });
  const saved = await readFile(work.path("flow/pipeline/scheduler/scheduler_config.json"), "utf8");
  expect(saved).toContain('"shift": 2.0');
  const drawn = ["sample", work.path("flow"), "--count", "2", "--steps", "3", "--out", work.path("flow.png")];
  const { code, stdout } = await imago(...drawn, "--json");
  expect(code).toBe(0);
  expect(stdout).toContain('"scheduler":"flow-match-euler"');
  expect((await imago("train", "--out", work.path("flow"), "--resume")).stdout).toMatch(
    /is finished: 12 steps/,
  );
  const other = await failure(["train", "--out", work.path("flow"), "--resume", "--flow-shift", "3"]);
  expect(other.line).toContain("scheduler shift 2, now it is 3");
});

test("resuming with other options is refused, naming the difference", async () => {
  for (const [options, difference] of [
    [["--batch-size", "8"], "batch size 4, now it is 8"],
    [["--seed", "3"], "seed 0, now it is 3"],
    [["--size", "16"], "image size 8, now it is 16"],
    [["--no-flip"], "flip true, now it is false"],
    [["--prediction-type", "epsilon"], 'scheduler prediction_type "v_prediction", now it is "epsilon"'],
    [
      ["--prediction-type", "flow_prediction"],
      'scheduler "DDPMScheduler", now it is "FlowMatchEulerDiscreteScheduler"',
    ],
    [["--no-rescale-betas-zero-snr"], "scheduler rescale_betas_zero_snr true, now it is false"],
    [["--no-min-snr-gamma"], "min snr gamma 20, now it is null"],
    [["--timestep-sampling", "logit-normal"], 'timestep sampling "uniform", now it is "logit-normal"'],
    [["--noise-offset", "0.1"], "noise offset 0, now it is 0.1"],
    [["--input-perturbation", "0.1"], "input perturbation 0, now it is 0.1"],
  ] as const) {
    const { code, line } = await failure(["train", "--out", work.path("one"), "--resume", ...options]);
    expect(code).toBe(2);
    expect(line).toContain(difference);
  }
});

test("a run goes on with another backend, and says that its numbers differ", async () => {
  const config = async () => JSON.parse(await readFile(work.path("moved/config.json"), "utf8"));
  const plain = ["--lr-schedule", "constant", "--warmup-steps", "0"];
  const first = await imago(...tiny("moved", "--steps", "2", "--backend", "wasm", ...plain));
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(await config()).toMatchObject({ backend: "wasm", device: "the processor (WebAssembly)" });
  const goOn = ["train", "--out", work.path("moved"), "--resume", "--steps"];
  const { code, stderr } = await imago(...goOn, "3", "--backend", "reference");
  expect(code).toBe(0);
  expect(stderr).toContain("the run was on wasm so far; on reference its numbers differ in their last bits");
  expect(await config()).toMatchObject({ backend: "reference", device: "the processor (reference)" });
  // Without an option it stays there.
  expect((await imago(...goOn, "4")).stderr).toBe("");
  expect(await config()).toMatchObject({ backend: "reference" });
});

test("a loss that becomes NaN stops the run and keeps the last good checkpoint", async () => {
  const { code, stderr } = await imago(
    ...tiny("diverged", "--learning-rate", "1e30", "--checkpoint-every", "1", "--warmup-steps", "2"),
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^imago: .*(became (NaN|Infinity)|no longer finite).* step \d+.*diverged.*(last good checkpoint is|no checkpoint).*lower learning rate/,
  );
  for (const name of await readdir(work.path("diverged/checkpoints"))) {
    expect(name).toMatch(/^step-\d{6}$/);
  }
});

test("a damaged checkpoint is named, with what to do", async () => {
  await rm(work.path("long/samples.png"));
  await writeFile(work.path("long/checkpoints/step-000014/optimizer.safetensors"), "cut off");
  const { code, stderr } = await imago("train", "--out", work.path("long"), "--resume");
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /checkpoint is damaged: .*optimizer.safetensors.*; remove .*step-000014 to go on from the one before/,
  );
});

test("wrong input costs no work: exit code 2, one line, no folder", async () => {
  const out = work.path("never");
  const model = work.path("model.json");
  await mkdir(work.path("empty"));
  await mkdir(work.path("broken"));
  await writeFile(work.path("broken/a.png"), "this is text");
  await writeFile(work.path("not.json"), "{");
  await writeFile(work.path("other.json"), '{"_class_name":"DiTTransformer2DModel"}');
  await mkdir(work.path("full"));
  await writeFile(work.path("full/notes.txt"), "mine");
  for (const [args, message] of [
    [["--steps", "10x"], '--steps is "10x"; expected a whole number from 1 to 1000000000'],
    [["--steps", "-1"], '--steps is "-1"; expected'],
    [["--learning-rate", "fast"], '--learning-rate is "fast"; expected a number above 0'],
    [
      ["--preset", "huge"],
      '--preset is "huge"; expected quick, gallery, gallery256, quick32, butterflies32, cifar10 or butterflies128',
    ],
    [["--steps", "1", "--epochs", "1"], "--steps and --epochs both"],
    [["--no-ema", "--ema-max-decay", "0.9"], "exclude each other"],
    [["--steps", "5", "--warmup-steps", "9"], "warm-up of 9 steps is not shorter than the run of 5"],
    [["--prediction-type", "epsilon"], "v_prediction or sample, or --no-rescale-betas-zero-snr"],
    [["--flow-shift", "3"], "give both or neither"],
    [["--prediction-type", "flow_prediction", "--beta-schedule", "linear"], "flow_prediction has no betas"],
    [["--timestep-sampling", "uniform", "--logit-mean", "-0.5"], "use logit-normal or leave them out"],
    [["--logit-mean", "low"], '--logit-mean is "low"; expected a number'],
    [["--timestep-sampling", "even"], "expected uniform, logit-normal or loss-second-moment"],
    [["--unknown"], "unknown option '--unknown'"],
    [["extra"], "too many arguments"],
    [["--data", work.path("missing")], "there is no such folder"],
    [["--data", work.path("empty")], "no images in this folder"],
    [["--data", work.path("broken")], '"a.png"'],
    [["--data", model], "this is a file"],
    [["--data", "hf:owner"], "expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION"],
    [["--model", work.path("missing.json")], "no such file"],
    [["--model", work.path("not.json")], "not JSON"],
    [["--model", work.path("other.json")], "DiTTransformer2DModel"],
    [["--model", model, "--size", "9"], "multiple of 2"],
    [["--resume"], "there is no run"],
  ] as const) {
    const { code, line } = await failure(["train", "--out", out, ...args]);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
    await expect(readdir(out)).rejects.toThrow();
  }
  const full = await imago("train", "--out", work.path("full"));
  expect(full).toMatchObject({ code: 2, stderr: expect.stringContaining("already exists and is not empty") });
  const run = await imago("train", "--out", work.path("one"));
  expect(run).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("already holds a run; add --resume"),
  });
});

test("a batch that does not fit into memory: the largest that would is named", async () => {
  const { code, stderr } = await imago(...tiny("huge", "--batch-size", "4000000", "--threads", "1"));
  expect(code).toBe(2);
  const [, batch] = /--batch-size (\d+) fits/.exec(stderr) ?? [];
  expect(Number(batch)).toBeGreaterThan(1000);
});
