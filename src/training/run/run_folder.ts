// The folder of a run: its paths, and config.json, which records how the run was made.

import * as v from "valibot";
import { files, paths } from "#platform";
import { readJsonAs } from "../../io/diffusers_json.ts";
import { FITS } from "../../io/image/index.ts";
import { errorCode, explainSystemError } from "../../platform/errors.ts";
import type { Permit } from "../../platform/platform.ts";
import { RunFolderError } from "../errors.ts";
import { FREE_SETTINGS, settingsJsonSchema, settingsToJson, type TrainSettings } from "../settings.ts";
import { initSchema } from "./initial_weights.ts";
import { LOCK } from "./run_lock.ts";

const { join } = paths;

/** The paths in a run's folder. */
export class RunFolder {
  /** The folder itself. */
  readonly path: string;
  /** config.json: what the run was begun with. */
  readonly config: string;
  /** metrics.jsonl: a line for each step. */
  readonly metrics: string;
  /** Sample grids. */
  readonly samples: string;
  /** The folder of the checkpoints. */
  readonly checkpoints: string;
  /** A pipeline for diffusers' DDPMPipeline.from_pretrained. */
  readonly pipeline: string;
  /** The last grid. */
  readonly finalSamples: string;
  /** The picture of the losses up to the last checkpoint. */
  readonly lossChart: string;

  constructor(path: string) {
    this.path = path;
    this.config = join(path, "config.json");
    this.metrics = join(path, "metrics.jsonl");
    this.samples = join(path, "samples");
    this.checkpoints = join(path, "checkpoints");
    this.pipeline = join(path, "pipeline");
    this.finalSamples = join(path, "samples.png");
    this.lossChart = join(path, "loss.png");
  }

  /** The grid that was drawn after a step. */
  sampleGrid(step: number): string {
    return join(this.samples, `${stepName(step)}.png`);
  }

  /** The folder of the checkpoint after a step. */
  checkpoint(step: number): string {
    return join(this.checkpoints, `step-${stepName(step)}`);
  }

  /** Whether the folder holds a run. */
  isRun(): Promise<boolean> {
    return files.exists(this.config);
  }

  /**
   * Checks that the folder is missing or empty, apart from remains of a killed start.
   * @throws RunFolderError otherwise, FileError when it cannot be read
   */
  async checkFree(): Promise<void> {
    const entries = (await listFolder(this.path)).filter((name) => name !== LOCK && !files.isLeftover(name));
    if (entries.length === 0) return;
    throw new RunFolderError(
      (await this.isRun())
        ? `${this.path} already holds a run; add --resume to go on with it, or choose another folder with --out`
        : `${this.path} already exists and is not empty; choose another folder with --out`,
    );
  }

  /** Writes config.json, and creates the folder if needed. @throws FileError */
  async writeConfig(config: RunConfig, permit?: Permit): Promise<void> {
    await files.writeFileAtomic(this.config, configText(config), permit);
  }

  /** @throws RunFolderError if there is no run here, FileError when its config.json is damaged */
  async readConfig(): Promise<RunConfig> {
    if (!(await this.isRun())) {
      throw new RunFolderError(
        `${this.path} holds no run (it has no config.json); give the folder that imago train wrote`,
      );
    }
    return readJsonAs(this.config, runConfigSchema);
  }

  /** Completes or removes unfinished files of a killed process. */
  async repair(): Promise<void> {
    for (const folder of [this.path, this.checkpoints, this.samples]) await files.repairFolder(folder);
  }
}

/** The content of config.json. */
export function configText(config: RunConfig): string {
  const json = { ...config, training: settingsToJson(config.training) };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** The config in a text of `configText`. */
export const parseConfig = (text: string): RunConfig => v.parse(runConfigSchema, JSON.parse(text));

/** 500 -> "000500": names sort by step. */
const stepName = (step: number): string => String(step).padStart(6, "0");

/** Names in a folder; none if it does not exist. @throws FileError for anything else, such as a file */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return await files.list(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw explainSystemError(error, "read the folder", path);
  }
}

const side = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const jsonObject = v.record(v.string(), v.unknown());

const runConfigSchema = v.object({
  /** The version of imago that began the run. */
  imago: v.string(),
  /** The preset that it was made from, if any. */
  preset: v.nullable(v.string()),
  data: v.object({
    /** As given: "synthetic", a folder, a file. */
    source: v.string(),
    /** The part that is read, and its columns, if chosen by the user. */
    selection: v.exactOptional(
      v.object({
        split: v.exactOptional(v.string()),
        imageColumn: v.exactOptional(v.string()),
        labelColumn: v.exactOptional(v.string()),
      }),
    ),
    /** Side of square images, or both sides. */
    size: v.union([side, v.object({ width: side, height: side })]),
    /** 1 or 4; absent for RGB. */
    channels: v.exactOptional(v.picklist([1, 3, 4])),
    /** How images of another shape were brought to the size, if chosen by the user. */
    fit: v.exactOptional(v.picklist(FITS)),
    ground: v.exactOptional(v.string()),
    /** Whether unreadable images were left out. */
    skipBroken: v.boolean(),
    count: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    /** Changes when any image changes. */
    fingerprint: v.string(),
    /** The names of the classes, and a hash of all labels. */
    classes: v.exactOptional(v.array(v.string())),
    labels: v.exactOptional(v.string()),
  }),
  /** The model's config as diffusers writes it. */
  model: jsonObject,
  /** The config of the DDPMScheduler or FlowMatchEulerDiscreteScheduler as diffusers writes it. */
  scheduler: jsonObject,
  /** For a run whose model does not work on pixels: the codec's class and config. */
  codec: v.exactOptional(jsonObject),
  /** For a run with given initial weights. */
  init: v.exactOptional(initSchema),
  training: settingsJsonSchema,
  backend: v.string(),
  /** What it computes on, for people; and why not on a GPU, where that was not asked for. */
  device: v.exactOptional(v.string()),
  backendReason: v.exactOptional(v.string()),
});

/** What is known of a config.json only after the backend and the initial weights are. */
export type LaterKnown = "backend" | "device" | "backendReason" | "init";

/** The content of config.json. */
export type RunConfig = v.InferOutput<typeof runConfigSchema>;

/**
 * Checks that a run may continue with a new config.
 * @throws RunFolderError naming the first difference that would change the training
 */
export function checkResumable(folder: RunFolder, before: RunConfig, now: Omit<RunConfig, LaterKnown>): void {
  const differs: Differs = (what, was, is) => {
    if (canonical(was) === canonical(is)) return;
    throw new RunFolderError(
      `${folder.path} was begun with ${what} ${show(was)}, now it is ${show(is)}; resume with the same, or begin a new run with another --out, from its weights with --init ${folder.path}`,
    );
  };
  differs("image size", before.data.size, now.data.size);
  differs("channels", before.data.channels ?? 3, now.data.channels ?? 3);
  differs("fit", before.data.fit, now.data.fit);
  differs("ground", before.data.ground, now.data.ground);
  differs("number of images", before.data.count, now.data.count);
  differs("images (fingerprint)", before.data.fingerprint, now.data.fingerprint);
  checkClassNames(before.data.classes ?? [], now.data.classes ?? [], differs);
  differs("labels (fingerprint)", before.data.labels, now.data.labels);
  differs("codec", before.codec, now.codec);
  differs("scheduler", before.scheduler._class_name, now.scheduler._class_name);
  for (const part of ["model", "scheduler"] as const) {
    for (const key of new Set([...Object.keys(before[part]), ...Object.keys(now[part])])) {
      if (!key.startsWith("_")) differs(`${part} ${key}`, before[part][key], now[part][key]);
    }
  }
  checkSettings(folder, before.training, now.training, differs);
}

/** Refuses a difference. */
type Differs = (what: string, was: unknown, is: unknown) => void;

function checkClassNames(before: readonly string[], now: readonly string[], differs: Differs): void {
  differs("number of classes", before.length, now.length);
  for (const [i, name] of before.entries()) differs(`class ${i}`, name, now[i]);
}

function checkSettings(folder: RunFolder, before: TrainSettings, now: TrainSettings, differs: Differs): void {
  const was = settingsToJson(before);
  const is = settingsToJson(now);
  for (const key of Object.keys(before)) {
    if (FREE_SETTINGS.has(key) || key === "steps") continue;
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    differs(name.replaceAll("_", " "), was[name], is[name]);
  }
  if (before.steps !== now.steps && before.lrSchedule !== "constant") {
    throw new RunFolderError(
      `${folder.path} is a run of ${before.steps} steps, and its ${before.lrSchedule} learning rate ends there; ${now.steps} steps need a new run (or one with --lr-schedule constant)`,
    );
  }
}

/** Characters of a value that an error shows: a schedule of noise has a thousand numbers. */
const SHOWN = 80;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}...`;
}

/** A text that is equal for equal JSON values, independent of the order of keys. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, item: unknown) =>
      item !== null && typeof item === "object" && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
    ) ?? "absent"
  );
}
