// imago train --init: a run that begins with existing weights.

import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { runCommand } from "../../src/cli/program.ts";
import {
  DDPMPipeline,
  EDMEulerScheduler,
  EulerDiscreteScheduler,
  encodePng,
  FlowMatchHeunDiscreteScheduler,
  readStateDict,
  type StateDict,
} from "../../src/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { filesOf, testHub } from "../support/hub.ts";
import { failure, finished, start, trainerOf, untilStep, workFolder } from "./support.ts";

const hub = testHub();
const work = workFolder();

/** So little is learnt in a step that the weights are still those that training began with. */
const STILL = ["--learning-rate", "1e-9", "--warmup-steps", "0", "--lr-schedule", "constant"];
const SMALL = ["--batch-size", "4", "--sample-steps", "1", "--sample-count", "1", "--threads", "1"];
const ONE = [...SMALL, "--steps", "1", ...STILL];

/** Runs a command in this process, which is quicker. @returns what it says on both streams */
function said(...args: string[]): Promise<string> {
  return heard(() => runCommand(args));
}

/** What is said on both streams while some work is done. */
async function heard(work: () => Promise<unknown>): Promise<string> {
  let text = "";
  const take = (chunk: unknown) => {
    text += String(chunk);
    return true;
  };
  const writes = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation(take),
  );
  await work().finally(() => {
    for (const write of writes) write.mockRestore();
  });
  return text;
}

const train = (out: string, ...args: string[]) => said("train", "--out", work.path(out), ...args);
const config = async (run: string) => JSON.parse(await readFile(work.path(`${run}/config.json`), "utf8"));
const weights = (path: string) => readStateDict(work.path(path));
const trained = (run: string, part = "unet") => weights(`${run}/checkpoints/step-000001/${part}`);

/** The greatest difference between the tensors that both have. */
function distance(a: StateDict, b: StateDict): number {
  let most = 0;
  for (const [name, { data }] of a) {
    const other = b.get(name)?.data;
    if (other?.length !== data.length) continue;
    for (const [i, value] of data.entries()) most = Math.max(most, Math.abs(value - other[i]));
  }
  return most;
}

/** A folder of images by class. */
async function labelled(name: string, classes: readonly string[]): Promise<string> {
  for (const [i, label] of classes.entries()) {
    await mkdir(work.path(`${name}/${label}`), { recursive: true });
    const image = { width: 8, height: 8, data: new Uint8Array(192).fill(60 * i) };
    for (const file of ["a", "b"]) {
      await writeFile(
        work.path(`${name}/${label}/${file}.png`),
        await encodePng(image.data, image.width, image.height),
      );
    }
  }
  return work.path(name);
}

const LEARN = ["--learning-rate", "0.01", "--warmup-steps", "0", "--lr-schedule", "constant", "--steps", "3"];
beforeAll(async () => {
  const tiny = ["--model", work.path("model.json"), ...SMALL, ...LEARN];
  await train("plain", ...tiny);
  const data = await labelled("abc", ["a", "b", "c"]);
  await train("classes", ...tiny, "--data", data, "--class-conditional");
});

describe("from a model that exists", () => {
  test("a run begins with the average of its last checkpoint, and says so", async () => {
    const source = work.path("plain");
    const text = await train("from-run", "--init", source, ...ONE);
    const average = await weights("plain/checkpoints/step-000003/unet_ema");
    expect(text).toContain(
      `\ninit: ${average.size} of ${average.size} tensors from ${source} (average, step 3)\n`,
    );
    for (const part of ["unet", "unet_ema"]) {
      expect(distance(await trained("from-run", part), average)).toBeLessThan(1e-7);
    }
    expect(distance(await weights("plain/checkpoints/step-000003/unet"), average)).toBeGreaterThan(1e-4);
    const { init, preset, model, scheduler } = await config("from-run");
    const before = await config("plain");
    expect([preset, model, scheduler]).toEqual([before.preset, before.model, before.scheduler]);
    expect(init).toEqual({
      ...{ source, weights: "average", step: 3, kept: average.size, drawn: [] },
      fingerprint: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  test("a checkpoint, a pipeline's folder and a repository of the Hub are the same weights", async () => {
    hub.add("me/plain", await filesOf(work.path("plain/pipeline")));
    const sources = {
      checkpoint: work.path("plain/checkpoints/step-000003"),
      pipeline: work.path("plain/pipeline"),
      hub: "hf:me/plain",
    };
    const prints = [];
    for (const [name, source] of Object.entries(sources)) {
      const lines = (await train(`from-${name}`, "--init", source, ...ONE, "--json")).split("\n");
      const event = lines.map((line) => JSON.parse(line || "{}")).find(({ event }) => event === "init");
      expect(event).toMatchObject({ source, drawn: [] });
      expect((await config(`from-${name}`)).scheduler).toEqual((await config("plain")).scheduler);
      prints.push(event.fingerprint);
    }
    const { init } = await config("from-run");
    expect(prints).toEqual([init.fingerprint, init.fingerprint, init.fingerprint]);
  });

  test("in another size, as far as the architecture allows", async () => {
    await train("larger", "--init", work.path("plain"), "--size", "16", ...ONE);
    expect((await config("larger")).model.sample_size).toBe(16);
    expect(distance(await trained("larger"), await trained("from-run"))).toBeLessThan(1e-7);
    const odd = await failure([
      "train",
      "--init",
      work.path("plain"),
      "--size",
      "9",
      "--out",
      work.path("odd"),
    ]);
    expect(odd).toMatchObject({
      code: 2,
      line: expect.stringContaining("use a size that is a multiple of 2"),
    });
  });

  test("is trained for the noise and the answer of its scheduler, whichever draws with it", async () => {
    const schedulers = {
      euler: new EulerDiscreteScheduler({ predictionType: "sample", betaSchedule: "squaredcos_cap_v2" }),
      heun: new FlowMatchHeunDiscreteScheduler({ shift: 3 }),
    };
    for (const [name, scheduler] of Object.entries(schedulers)) {
      await new DDPMPipeline(tinyUNet(), scheduler).savePretrained(work.path(name));
      expect(await train(`of-${name}`, "--init", work.path(name), ...ONE)).not.toContain("warning");
    }
    expect((await config("of-euler")).scheduler).toMatchObject({
      _class_name: "DDPMScheduler",
      prediction_type: "sample",
      beta_schedule: "squaredcos_cap_v2",
      rescale_betas_zero_snr: false,
    });
    expect((await config("of-heun")).scheduler).toMatchObject({
      ...{ _class_name: "FlowMatchEulerDiscreteScheduler", shift: 3 },
    });
    // That of quick is for a model that predicts the image.
    const settings = ["from-run", "of-euler", "of-heun"].map(async (run) => (await config(run)).training);
    const kinds = (await Promise.all(settings)).map((of) => [of.loss_type, of.sample_scheduler]);
    expect(kinds).toEqual([
      ["v_prediction", "ddpm"],
      ["v_prediction", "ddpm"],
      [null, null],
    ]);
    const other = ["--prediction-type", "v_prediction"];
    expect(await train("other-answer", "--init", work.path("euler"), ...ONE, ...other)).toContain(
      `warning: ${work.path("euler")} learnt to answer sample and is now asked for v_prediction`,
    );
    expect((await config("other-answer")).scheduler.prediction_type).toBe("v_prediction");
  });
});

describe("classes", () => {
  const TABLE = "class_embedding.weight";

  test("a model without any learns them: their table is drawn, all else kept", async () => {
    const data = work.path("abc");
    const args = ["--init", work.path("plain"), "--data", data, "--class-conditional", ...ONE];
    expect(await train("taught", ...args)).toContain(`; drawn anew: ${TABLE}\n`);
    const average = await weights("plain/checkpoints/step-000003/unet_ema");
    expect(distance(average, await trained("taught"))).toBeLessThan(1e-7);
    expect((await config("taught")).init).toMatchObject({ kept: average.size, drawn: [TABLE] });
    const { unet, labels } = await DDPMPipeline.fromPretrained(work.path("taught"));
    expect([unet.config.numClassEmbeds, labels.size]).toEqual([4, 3]);
  });

  test("of the same names are kept, and so is the row for none; others are drawn", async () => {
    const data = await labelled("xbc", ["x", "b", "c", "d"]);
    const args = ["--init", work.path("classes"), "--data", data, "--class-conditional", ...ONE];
    expect(await train("shared", ...args)).toContain(
      "\n2 classes known from there: b, c; 2 new classes: d, x\n",
    );
    const rows = async (state: Promise<StateDict>) => {
      const { data = new Float32Array(), shape = [0, 0] } = (await state).get(TABLE) ?? {};
      return Array.from({ length: shape[0] }, (_, i) => data.slice(i * shape[1], (i + 1) * shape[1]));
    };
    const [a, b, c, none] = await rows(weights("classes/checkpoints/step-000003/unet_ema"));
    const after = await rows(trained("shared"));
    expect(after).toHaveLength(5);
    const same = (x: Float32Array, y: Float32Array) => x.every((value, i) => Math.abs(value - y[i]) < 1e-7);
    // In the order of names: b, c, d, x, and the row for none.
    expect([same(after[0], b), same(after[1], c), same(after[4], none)]).toEqual([true, true, true]);
    for (const row of [after[2], after[3]]) {
      expect([a, b, c, none].some((known) => same(row, known))).toBe(false);
    }
    expect((await config("shared")).init.classes).toEqual({ kept: ["b", "c"], drawn: ["d", "x"] });
  });

  test("that are not used are left out, and the model draws as it did without a class", async () => {
    const text = await train("untaught", "--init", work.path("classes"), ...ONE);
    expect(text).toContain(`\nleft out: ${TABLE}; the model begins as it draws without a class`);
    expect((await config("untaught")).init).toMatchObject({ drawn: [], leftOut: [TABLE] });
    const noise = { count: 2, steps: 3, seed: 1, scheduler: "ddim" } as const;
    const [before, after] = await Promise.all(
      ["classes", "untaught"].map((run) => DDPMPipeline.fromPretrained(work.path(run))),
    );
    const free = await before.generate({ ...noise, guidanceScale: 0 });
    const now = await after.generate(noise);
    expect(Math.max(...free.data.map((value, i) => Math.abs(value - now.data[i])))).toBeLessThan(1e-4);
    await Promise.all([before.close(), after.close()]);
  });
});

describe("a run that goes on", () => {
  test("needs its source no more, gives the same bytes, and keeps the record", async () => {
    await cp(work.path("plain"), work.path("lent"), { recursive: true });
    const args = ["--init", work.path("lent"), ...SMALL, ...LEARN];
    await train("whole", ...args);
    await train("parts", ...args, "--steps", "1");
    const { init } = await config("parts");
    await rm(work.path("lent"), { recursive: true });
    expect(await train("parts", "--resume", "--steps", "3")).not.toContain("init:");
    expect((await config("parts")).init).toEqual(init);
    const file = "checkpoints/step-000003/unet/diffusion_pytorch_model.safetensors";
    const [whole, parts] = await Promise.all(
      ["whole", "parts"].map((run) => readFile(work.path(join(run, file)))),
    );
    expect(parts.equals(whole)).toBe(true);
  });

  test("before its first checkpoint it reads its source again", async () => {
    await cp(work.path("plain"), work.path("source"), { recursive: true });
    const args = ["--init", work.path("source"), ...SMALL, ...LEARN, "--json"];
    await train("again-whole", ...args);
    const endless = ["--steps", "100000", "--checkpoint-every", "0"];
    const child = start(["train", "--out", work.path("again"), ...args, ...endless]);
    const ended = finished(child);
    await untilStep(child, 1);
    process.kill(await trainerOf(work.path("again")), "SIGKILL");
    await ended;
    expect(await readdir(work.path("again"))).not.toContain("checkpoints");
    await rename(work.path("source"), work.path("away"));
    const lost = await failure(["train", "--out", work.path("again"), "--resume", "--steps", "3"]);
    expect(lost).toMatchObject({ code: 2, line: expect.stringContaining(work.path("source")) });
    await rename(work.path("away"), work.path("source"));
    await train("again", "--resume", "--steps", "3", "--threads", "1");
    const states = ["again-whole", "again"].map((run) => weights(`${run}/checkpoints/step-000003/unet`));
    expect(distance(await states[0], await states[1])).toBe(0);
  });
});

test("a run that diverged names the command that trains on from its last good checkpoint", async () => {
  const args = ["--model", work.path("model.json"), ...SMALL, ...LEARN, "--seed", "5"];
  const more = [
    "--no-flip",
    "--no-ema",
    "--checkpoint-every",
    "0",
    "--rotate",
    "5",
    "--data",
    work.path("abc"),
    "--class-conditional",
    "--optimizer",
    "muon",
  ];
  const out = work.path("diverged");
  await said("train", "--out", out, ...args, ...more, "--learning-rate", "1e-3");
  // From here on it learns far too fast.
  const text = await readFile(work.path("diverged/config.json"), "utf8");
  await writeFile(
    work.path("diverged/config.json"),
    text.replace('"learning_rate": 0.001', '"learning_rate": 1e30'),
  );
  let line = "";
  await heard(async () => {
    ({ line } = await failure(["train", "--out", out, "--resume", "--steps", "20"]));
  });
  const [, checkpoint, command] =
    /last good checkpoint is (\S+); train on from its weights in a new run, with a lower learning rate than 1e\+30: imago (train .*)$/.exec(
      line,
    ) ?? [];
  expect(command).toContain(`--init ${checkpoint} --out ${out}-2 --learning-rate 2.5e+29 `);
  await said(...command.replace("2.5e+29", "1e-3").split(" "), "--threads", "1");
  const [before, after] = [await config("diverged"), await config("diverged-2")];
  expect(after.init).toMatchObject({ source: checkpoint, weights: "last", drawn: [] });
  expect({ ...after.training, learning_rate: 1e30 }).toEqual(before.training);
  expect([after.model, after.scheduler, after.data]).toEqual([before.model, before.scheduler, before.data]);
});

test("a pushed model says what it was fine-tuned from, without paths of this machine", async () => {
  for (const [run, card] of [
    ["from-checkpoint", "| fine-tuned from | plain, after 3 steps |"],
    ["from-hub", "| fine-tuned from | [me/plain](https://huggingface.co/me/plain) |"],
  ] as const) {
    const folder = work.path(`card-${run}`);
    await said("push", work.path(run), "hf:me/tuned", "--dry-run", folder);
    const readme = await readFile(join(folder, "README.md"), "utf8");
    expect(readme).toContain(card);
    expect(readme.includes("base_model: me/plain\n")).toBe(run === "from-hub");
    const { init } = JSON.parse(await readFile(join(folder, "imago/config.json"), "utf8"));
    expect(init.source).toBe(run === "from-hub" ? "hf:me/plain" : "plain");
  }
});

test("what cannot be begun from is refused in one line, and no folder is made", async () => {
  const plain = work.path("plain");
  await cp(join(plain, "checkpoints/step-000003"), work.path("alone"), { recursive: true });
  await new DDPMPipeline(tinyUNet(), new EDMEulerScheduler()).savePretrained(work.path("edm"));
  await new DDPMPipeline(
    tinyUNet(0, { inChannels: 16, outChannels: 16 }),
    new EulerDiscreteScheduler(),
  ).savePretrained(work.path("latents"));
  for (const [args, message] of [
    [
      ["--init", plain, "--model", work.path("model.json")],
      "--init brings its own model, and --model is another one; give one of them",
    ],
    [["--init", plain, "--resume"], "--init begins a new run and --resume goes on with one"],
    [["--init", "me/nothing"], "me/nothing: no such folder; check the path, or write hf:me/nothing"],
    [["--init", work.path("nothing")], "nothing: cannot read the folder: no such file or folder"],
    [["--init", work.path("model.json")], "this is a file, expected the folder of a run or a pipeline"],
    [["--init", work.path("plain/pipeline/unet")], "this is the folder of a model only"],
    [["--init", work.path("alone")], "this checkpoint is not in its run's folder"],
    [["--init", work.path("edm")], "a model with EDM's preconditioning is not trained here"],
    [
      ["--init", work.path("latents")],
      "the model takes images of 16 channels; expected 1 (gray), 3 (RGB) or 4",
    ],
    [["--init", plain, "--class-conditional", "--data", join(work.path("abc"), "a")], "has no class labels"],
  ] as const) {
    const { code, line } = await failure(["train", "--out", work.path("never"), ...args]);
    expect(line).toContain(message);
    expect(code).toBe(2);
  }
  const { line } = await failure(["train", "--out", plain, "--resume", "--learning-rate", "0.5"]);
  expect(line).toContain(`begin a new run with another --out, from its weights with --init ${plain}`);
  expect(await readdir(work.path(""))).not.toContain("never");
});
