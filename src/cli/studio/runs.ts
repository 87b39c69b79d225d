// The runs in a folder: which there are, and how far each is.

import { open, readdir, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import * as v from "valibot";
import { errorCode } from "../../platform/errors.ts";
import { checkpointSteps } from "../../training/run/checkpoint.ts";
import { listFolder, type RunConfig, RunFolder } from "../../training/run/run_folder.ts";
import { LOCK } from "../../training/run/run_lock.ts";
import { settingsToJson } from "../../training/settings.ts";
import { HttpError } from "./http_error.ts";
import { Unchanged } from "./unchanged.ts";

/** Folders inside each other in which runs are looked for, and most runs that are listed. */
const DEPTH = 3;
const MOST_RUNS = 2000;
/** A training process touches its lock every five seconds. */
const FRESH_MS = 20_000;
/** Longer than any record of a step. */
const TAIL_BYTES = 2 ** 14;

/** What the page shows of a run in a list. */
export interface RunSummary {
  /** Its path from the folder of runs, with "/"; "./" for that folder itself. */
  readonly name: string;
  readonly state: "training" | "stopped" | "finished";
  readonly preset: string | null;
  readonly size: RunConfig["data"]["size"];
  readonly source: string;
  readonly images: number;
  readonly steps: number;
  /** Steps done, and what the last record says; 0 and nothing before the first. */
  readonly step: number;
  readonly last: Readonly<Record<string, unknown>> | null;
  /** When it was last written (milliseconds since 1970). */
  readonly changed: number;
  readonly hasPipeline: boolean;
}

/** All that is known of a run, without its steps. */
export interface RunDetails extends RunSummary {
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps of the checkpoints and of the sample grids, ascending. */
  readonly checkpoints: readonly number[];
  readonly grids: readonly number[];
}

export class Runs {
  readonly #root: string;
  readonly #configs = new Unchanged((path) => new RunFolder(dirname(path)).readConfig(), MOST_RUNS);
  readonly #records = new Unchanged(lastRecord, MOST_RUNS);

  /** @param root the folder of runs; it need not exist yet */
  constructor(root: string) {
    this.#root = root;
  }

  get root(): string {
    return this.#root;
  }

  /** The runs, the last written first; what is no run, or a damaged one, is left out. */
  async list(): Promise<RunSummary[]> {
    const folders = await runFolders(this.#root, DEPTH);
    const found = await Promise.all(folders.slice(0, MOST_RUNS).map((path) => this.#summary(path)));
    return found.filter((run) => run !== undefined).sort((a, b) => b.changed - a.changed);
  }

  /** @throws HttpError for a name that is no run here */
  async folderOf(name: string): Promise<RunFolder> {
    const folders = await runFolders(this.#root, DEPTH);
    const path = folders.find((folder) => nameOf(this.#root, folder) === name);
    if (path === undefined) throw new HttpError(404, `there is no run "${name}" in ${this.#root}`);
    return new RunFolder(path);
  }

  async details(name: string): Promise<RunDetails> {
    const folder = await this.folderOf(name);
    const [config, summary] = [await folder.readConfig(), await this.#summary(folder.path)];
    if (summary === undefined) throw new HttpError(404, `there is no run "${name}" in ${this.#root}`);
    const grids = (await listFolder(folder.samples)).flatMap((file) => {
      const match = /^(\d{6,})\.png$/.exec(file);
      return match ? [Number(match[1])] : [];
    });
    return {
      ...summary,
      config: { ...config, training: settingsToJson(config.training) },
      checkpoints: await checkpointSteps(folder),
      grids: grids.sort((a, b) => a - b),
    };
  }

  async #summary(path: string): Promise<RunSummary | undefined> {
    const folder = new RunFolder(path);
    let config: RunConfig;
    try {
      config = await this.#configs.read(folder.config);
    } catch {
      return undefined;
    }
    const last = await this.#records.read(folder.metrics).catch(() => undefined);
    const { steps } = config.training;
    const step = last?.step ?? 0;
    const touched = await changedAt(join(path, LOCK));
    const isTraining = touched !== undefined && Date.now() - touched < FRESH_MS;
    return {
      name: nameOf(this.#root, path),
      state: isTraining ? "training" : step >= steps ? "finished" : "stopped",
      preset: config.preset,
      size: config.data.size,
      source: config.data.source,
      images: config.data.count,
      steps,
      step,
      last: last ?? null,
      changed: (await changedAt(folder.metrics)) ?? (await changedAt(folder.config)) ?? 0,
      hasPipeline: await isThere(join(folder.pipeline, "model_index.json")),
    };
  }
}

/** The folder of runs itself; "." would be lost in addresses. */
const ROOT = "./";

/** A run's path from the folder of runs, with "/". */
export const nameOf = (root: string, path: string): string =>
  relative(root, path).split(sep).join("/") || ROOT;

/** The folders with a config.json, in a folder and those in it; nothing is looked for inside of a run. */
async function runFolders(folder: string, depth: number): Promise<string[]> {
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "EACCES") return [];
    throw error;
  }
  if (entries.some(({ name }) => name === "config.json")) return [folder];
  if (depth === 0) return [];
  const inner = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  return (await Promise.all(inner.map(({ name }) => runFolders(join(folder, name), depth - 1)))).flat();
}

const recordSchema = v.looseObject({ step: v.pipe(v.number(), v.integer(), v.minValue(1)) });

/** The last whole record of a metrics.jsonl. */
async function lastRecord(path: string): Promise<v.InferOutput<typeof recordSchema> | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines = buffer.subarray(0, bytesRead).toString("utf8").split("\n");
    for (const line of lines.reverse()) {
      const record = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), line);
      if (record.success) return record.output;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

async function changedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
}

const isThere = async (path: string): Promise<boolean> => (await changedAt(path)) !== undefined;
