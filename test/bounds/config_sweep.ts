// A process that reads configs with every field set to every odd value, and to random ones. It reports errors, the
// slowest time and the memory of all together. Started by configs.test.ts.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isExplained } from "../../src/cli/errors.ts";
import { readModelIndex } from "../../src/io/diffusers_folder.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../../src/models/autoencoder_tiny.ts";
import { CLIPTextModel } from "../../src/models/clip_text_model.ts";
import { DiTTransformer2DModel } from "../../src/models/dit_transformer_2d_model.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import { schedulerFromJson, unetFromConfig } from "../../src/pipelines/components.ts";
import { denoiserProgram } from "../../src/pipelines/denoiser_program.ts";
import { asPipelineError } from "../../src/pipelines/errors.ts";
import { schedulers } from "../../src/schedulers/index.ts";
import { readCheckpoint } from "../../src/training/run/checkpoint.ts";
import { RunFolder } from "../../src/training/run/run_folder.ts";
import { settingsProblem } from "../../src/training/settings.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";
import { fuzzed, ODD_VALUES, oddValue, STRIDE } from "./odd_values.ts";

type Json = Readonly<Record<string, unknown>>;

/** A kind of config: one that is right, and what reading it does. */
interface Kind {
  readonly name: string;
  readonly sound: Json;
  /** Fields, as paths. */
  readonly fields: readonly (readonly string[])[];
  readonly read: (config: Json) => Promise<void>;
  /** Random cases. */
  readonly runs: number;
}

const folder = mkdtempSync(join(tmpdir(), "imago-configs-"));
const file = (name: string, json: Json) => {
  // As Python writes them, 1e999 is read as Infinity.
  const text = JSON.stringify(json, (_, value: unknown) =>
    value === Number.POSITIVE_INFINITY ? "1e999" : value === Number.NEGATIVE_INFINITY ? "-1e999" : value,
  );
  writeFileSync(join(folder, name), text.replaceAll(/"(-?1e999)"/g, "$1"));
};
const fieldsOf = (config: Json): string[][] =>
  Object.entries(config).flatMap(([key, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? [[key], ...Object.keys(value).map((inner) => [key, inner])]
      : [[key]],
  );

const unet: Kind = {
  name: "UNet2DModel",
  sound: { ...unetFromConfig(TINY_UNET, "").toConfig() },
  fields: fieldsOf({ ...unetFromConfig(TINY_UNET, "").toConfig() }),
  read: async (config) => {
    const model = unetFromConfig(config, "unet/config.json");
    const size = model.sizeFactor;
    if (model.config.classEmbedType === "identity" || model.config.layersPerBlock > 4) return;
    denoiserProgram(model, [1, size, size, model.config.inChannels]);
  },
  runs: 150,
};

const smallLevels = { blockOutChannels: [8], normNumGroups: 4 };
const conditional = new UNet2DConditionModel({
  ...{ blockOutChannels: [8, 8], normNumGroups: 4 },
  downBlockTypes: ["CrossAttnDownBlock2D", "DownBlock2D"],
  upBlockTypes: ["UpBlock2D", "CrossAttnUpBlock2D"],
});
const transformer = new DiTTransformer2DModel({
  ...{ numAttentionHeads: 1, attentionHeadDim: 8, numLayers: 1, sampleSize: 4, numEmbedsAdaNorm: 3 },
});
const text = new CLIPTextModel({ vocabSize: 9, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 });

/** Models of latents, and those around them. */
const partKinds = [
  { model: text, read: CLIPTextModel.fromConfig },
  { model: new AutoencoderKL(smallLevels), read: AutoencoderKL.fromConfig },
  { model: new AutoencoderTiny(), read: AutoencoderTiny.fromConfig },
  { model: new VQModel(smallLevels), read: VQModel.fromConfig },
  { model: transformer, read: DiTTransformer2DModel.fromConfig },
  { model: conditional, read: (json: Json) => UNet2DConditionModel.fromConfig(json).conditionsFor(1) },
].map(({ model, read }): Kind => {
  const sound: Json = { ...model.toConfig() };
  const readAsync = async (config: Json) => {
    read(config);
  };
  return { name: model.className, sound, fields: fieldsOf(sound), read: readAsync, runs: 40 };
});

const schedulerKinds = Object.values(schedulers).map((Scheduler): Kind => {
  const sound: Json = { ...new Scheduler().toConfig() };
  return {
    name: Scheduler.className,
    sound,
    fields: fieldsOf(sound),
    read: async (config) => {
      const scheduler = schedulerFromJson(config, "scheduler_config.json");
      asPipelineError(() => scheduler.setTimesteps(Math.min(10, scheduler.numTrainTimesteps)));
    },
    runs: 20,
  };
});

const TRAINING = {
  ...{ batch_size: 4, steps: 10, learning_rate: 1e-3, lr_schedule: "constant", warmup_steps: 0 },
  ...{ adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, adam_weight_decay: 0, max_grad_norm: 1 },
  ...{ min_snr_gamma: null, timestep_sampling: "uniform", logit_mean: 0, logit_std: 1, noise_offset: 0 },
  ...{ input_perturbation: 0, label_dropout: 0, ema_max_decay: 0.99, flip: true, random_crop: 0, rotate: 0 },
  ...{ translate: 0, color_jitter: 0, augment_probability: 0, seed: 0, sample_every: 0, sample_steps: 5 },
  ...{ sample_count: 4, eval_every: 0, eval_count: 4, checkpoint_every: 5, keep_checkpoints: 2 },
};
const RUN = {
  imago: "0.1.0",
  preset: null,
  data: { source: "synthetic", size: 8, skipBroken: false, count: 10, fingerprint: "x", classes: ["a"] },
  model: unet.sound,
  scheduler: { ...new schedulers.ddpm().toConfig() },
  training: TRAINING,
  backend: "wasm",
};
const run: Kind = {
  name: "a run's config.json",
  sound: RUN,
  fields: fieldsOf(RUN).filter(
    ([part, inner]) => inner === undefined || !["model", "scheduler"].includes(part),
  ),
  read: async (config) => {
    file("config.json", config);
    const read = await new RunFolder(folder).readConfig();
    settingsProblem(read.training);
    unetFromConfig(read.model, "config.json");
    schedulerFromJson(read.scheduler, "config.json");
  },
  runs: 60,
};

const INDEX = {
  _class_name: "DDPMPipeline",
  unet: ["diffusers", "UNet2DModel"],
  scheduler: ["diffusers", "DDPMScheduler"],
  id2label: { 0: "a", 1: "b" },
};
const index: Kind = {
  name: "model_index.json",
  sound: INDEX,
  fields: fieldsOf(INDEX),
  read: async (config) => {
    file("model_index.json", config);
    await readModelIndex(folder);
  },
  runs: 60,
};

const checkpoint = new RunFolder(folder).checkpoint(1);
const STATE = { step: 1, epoch_loss_sum: 1.5, timestep_losses: [[1, 2], []] };
const state: Kind = {
  name: "state.json",
  sound: STATE,
  fields: fieldsOf(STATE),
  read: async (config) => {
    file(checkpoint.slice(folder.length + 1).concat("/state.json"), config);
    const none = new Map<string, readonly number[]>();
    await readCheckpoint(new RunFolder(folder), 1, { expAvg: none, expAvgSq: none, momentumBuffer: none });
  },
  runs: 60,
};

const problems: string[] = [];
let slowest = { ms: 0, what: "" };

async function attempt({ name, read }: Kind, config: Json, what: string): Promise<void> {
  // What the engine remembers of graphs goes when the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  const before = process.cpuUsage();
  try {
    await read(config);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isLine = !/\p{Cc}/u.test(message) && message.length <= 1500;
    if (!isExplained(error) || !isLine) problems.push(`${name}, ${what}: ${String(error).slice(0, 300)}`);
  }
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  if (ms > slowest.ms) slowest = { ms, what: `${name}, ${what}` };
}

/**
 * The most memory that this process had, in KiB. Linux counts in maxRSS what the process that started it held at that
 * moment, so its own high-water mark is read there.
 */
function mostMemory(): number {
  const status = "/proc/self/status";
  const own = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1] : undefined;
  return own === undefined ? process.resourceUsage().maxRSS : Number(own);
}

function changed(config: Json, [key = "", ...inner]: readonly string[], value: unknown): Json {
  if (inner.length === 0) return { ...config, [key]: value };
  const within = config[key];
  const old = typeof within === "object" && within !== null ? within : {};
  return { ...config, [key]: changed({ ...old }, inner, value) };
}

try {
  let cases = 0;
  mkdirSync(checkpoint, { recursive: true });
  for (const kind of [unet, ...partKinds, ...schedulerKinds, run, index, state]) {
    for (const [at, field] of kind.fields.entries()) {
      for (const [i, value] of ODD_VALUES.entries()) {
        if ((i + at) % STRIDE !== 0) continue;
        cases++;
        await attempt(kind, changed(kind.sound, field, value), `${field.join(".")} = odd value ${i}`);
      }
    }
    const change = fc.tuple(fc.constantFrom(...kind.fields), oddValue);
    const several = fc.array(change, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(several, async (changes) => {
        cases++;
        const config = changes.reduce((json, [field, value]) => changed(json, field, value), kind.sound);
        await attempt(kind, config, fc.stringify(changes).slice(0, 300));
      }),
      fuzzed(kind.runs),
    );
  }
  const megabytes = mostMemory() / 1024;
  console.log(JSON.stringify({ cases, problems: problems.slice(0, 20), slowest, megabytes }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
