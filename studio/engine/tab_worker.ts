// Keeps and trains the runs of this browser, in a worker, so that the page stays quick.

import {
  type ImageSource,
  isPresetName,
  openImages,
  PRESETS,
  presetOptions,
  synthetic,
  Trainer,
} from "imago";
import { getFile, listFiles, mountFiles, type PlacedFile } from "imago/browser";
import * as v from "valibot";
import type { RunDetails, RunSummary, TrainingStatus, TrainOptions } from "../places/place.ts";
import type { TabCall, TabMessage, TabReply } from "./tab_messages.ts";

const ROOT = "/runs";
/** Longer than any record of a step. */
const TAIL_BYTES = 2 ** 14;
/** Most of a run's records in one answer. */
const MOST_AT_ONCE = 2 ** 22;

interface Training {
  trainer: Trainer | undefined;
  status: TrainingStatus;
}
const trainings = new Map<string, Training>();

addEventListener("message", async ({ data: { id, call } }: MessageEvent<TabMessage>) => {
  let reply: TabReply;
  try {
    reply = { id, value: await answer(call) };
  } catch (error) {
    reply = { id, refused: error instanceof Error ? error.message : String(error) };
  }
  postMessage(reply);
});

async function answer(call: TabCall): Promise<unknown> {
  switch (call.name) {
    case "runs":
      return runs();
    case "trainings":
      return [...trainings.values()].map(({ status }) => status);
    case "details":
      return details(call.run);
    case "stop":
    case "pause":
    case "unpause":
      return order(call.run, call.name);
    case "recordsFrom":
      return recordsFrom(call.run, call.from);
    case "file":
      return getFile(`${ROOT}/${call.run}/${call.path}`);
    case "train":
      return train(call.run, call.options, call.images, call.resume);
    default:
      return call satisfies never;
  }
}

// --- The runs

const configSchema = v.looseObject({
  preset: v.nullable(v.string()),
  data: v.looseObject({
    source: v.string(),
    size: v.union([v.number(), v.object({ width: v.number(), height: v.number() })]),
    count: v.number(),
  }),
  training: v.looseObject({ steps: v.number() }),
});
const recordSchema = v.looseObject({ step: v.number() });

const namesIn = (folder: string): Promise<string[]> =>
  listFiles(folder).then(
    (entries) => entries.map(({ name }) => name),
    () => [],
  );

async function runs(): Promise<RunSummary[]> {
  const found = await Promise.all((await namesIn(ROOT)).map((name) => summary(name).catch(() => undefined)));
  return found.filter((run) => run !== undefined).sort((a, b) => b.changed - a.changed);
}

const configOf = async (name: string) =>
  v.parse(configSchema, JSON.parse(await (await getFile(`${ROOT}/${name}/config.json`)).text()));

async function summary(name: string): Promise<RunSummary> {
  const { preset, data, training } = await configOf(name);
  const records = await getFile(`${ROOT}/${name}/metrics.jsonl`).catch(() => undefined);
  const last = records && (await lastRecord(records));
  const isTraining = trainings.get(name)?.status.isRunning === true;
  const step = last?.step ?? 0;
  return {
    ...{ name, preset, size: data.size, source: data.source, images: data.count },
    state: isTraining ? "training" : step >= training.steps ? "finished" : "stopped",
    steps: training.steps,
    step,
    last: last ?? null,
    changed: records?.lastModified ?? 0,
    hasPipeline: (await namesIn(`${ROOT}/${name}/pipeline`)).includes("model_index.json"),
  };
}

async function lastRecord(file: File): Promise<v.InferOutput<typeof recordSchema> | undefined> {
  const text = await file.slice(Math.max(0, file.size - TAIL_BYTES)).text();
  for (const line of text.split("\n").reverse()) {
    const record = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), line);
    if (record.success) return record.output;
  }
  return undefined;
}

async function details(name: string): Promise<Omit<RunDetails, "notes">> {
  const stepsIn = async (folder: string, pattern: RegExp): Promise<number[]> =>
    (await namesIn(`${ROOT}/${name}/${folder}`))
      .flatMap((file) => pattern.exec(file)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  return {
    ...(await summary(name)),
    config: await configOf(name),
    checkpoints: await stepsIn("checkpoints", /^step-(\d+)$/),
    grids: await stepsIn("samples", /^(\d+)\.png$/),
  };
}

async function recordsFrom(name: string, from: number): Promise<{ text: string; next: number }> {
  const file = await getFile(`${ROOT}/${name}/metrics.jsonl`).catch(() => undefined);
  if (file === undefined || file.size <= from) return { text: "", next: from };
  const next = Math.min(file.size, from + MOST_AT_ONCE);
  return { text: await file.slice(from, next).text(), next };
}

// --- Trainings

/** What a training does when it was asked for something. */
const STAGES = { stop: "stop", pause: "pause", unpause: null } as const;

function order(name: string, what: keyof typeof STAGES): void {
  const training = trainings.get(name);
  if (training?.trainer === undefined) throw new Error(`${name} is not being trained by this tab`);
  training.trainer[what]();
  training.status = { ...training.status, stage: STAGES[what] };
}

/** Begins a training; resolves when its first step begins. */
async function train(
  name: string,
  options: TrainOptions,
  images: readonly PlacedFile[],
  resume: boolean,
): Promise<void> {
  const running = [...trainings.values()].find(({ status }) => status.isRunning);
  if (running !== undefined) throw new Error(`this tab trains ${running.status.name}; stop it first`);
  const training: Training = {
    trainer: undefined,
    status: {
      ...{ name, isRunning: true, stage: "start", device: null, secondsLeft: null },
      ...{ problem: null, warnings: [] },
    },
  };
  const update = (change: Partial<TrainingStatus>): void => {
    training.status = { ...training.status, ...change };
  };
  trainings.set(name, training);
  try {
    const trainer = await trainerFor(name, options, images, resume, update);
    training.trainer = trainer;
    await trainer.prepare();
    update({ device: trainer.device?.name ?? null });
    run(trainer)
      .catch((error: unknown) => update({ problem: error instanceof Error ? error.message : String(error) }))
      .finally(() => {
        training.trainer = undefined;
        update({ isRunning: false, stage: null, secondsLeft: null });
      });
  } catch (error) {
    trainings.delete(name);
    throw error;
  }

  async function run(trainer: Trainer): Promise<void> {
    for await (const { secondsLeft } of trainer.run()) {
      // A stop or a pause is still to be seen.
      update({ secondsLeft, ...(!trainer.stopped && !trainer.paused && { stage: null }) });
    }
  }
}

/** Options that the page gives; the others are the server's. */
const KNOWN = ["preset", "size", "steps", "batchSize", "learningRate", "seed", "backend", "precision"];

async function trainerFor(
  name: string,
  options: TrainOptions,
  images: readonly PlacedFile[],
  resume: boolean,
  update: (change: Partial<TrainingStatus>) => void,
): Promise<Trainer> {
  for (const option of Object.keys(options)) {
    if (!KNOWN.includes(option))
      throw new Error(`--${option} is for the server; this tab takes images that you choose`);
  }
  const { preset = "quick", backend = "auto", precision = "fp32" } = options;
  if (!isPresetName(preset)) throw new Error(`--preset is "${preset}"; expected a preset`);
  const number = (option: string): number | undefined => {
    const text = options[option];
    if (text === undefined) return undefined;
    if (/^\d+(\.\d+)?(e-?\d+)?$/.test(text)) return Number(text);
    throw new Error(
      `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is "${text}"; expected a number`,
    );
  };
  const [size, steps, batchSize] = [number("size"), number("steps"), number("batchSize")];
  const [learningRate, seed] = [number("learningRate"), number("seed")];
  const own = presetOptions(preset, {
    ...(size !== undefined && { size }),
    ...(steps !== undefined && { steps }),
  });
  const form = { size: size ?? PRESETS[preset].size, flip: own.flip };
  const data: ImageSource =
    images.length === 0 ? synthetic(form) : await openImages(await mountFiles(images), form);
  return new Trainer({
    ...own,
    ...(batchSize !== undefined && { batchSize }),
    ...(learningRate !== undefined && { learningRate }),
    ...(seed !== undefined && { seed }),
    precision: precision === "fp16" ? "fp16" : "fp32",
    backend: backend === "webgpu" || backend === "wasm" ? backend : "auto",
    data,
    out: `${ROOT}/${name}`,
    resume,
    onStage: (stage) => update({ stage }),
    onWarning: (warning) => update({ warnings: [warning] }),
  });
}
