// The files of a run that `imago push` uploads: the pipeline as diffusers has it, samples, the run's options and
// metrics, and a model card with a loss curve.

import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join, posix, relative, sep } from "node:path";
import { files } from "#platform";
import { CARD, isHubName, type Upload } from "../../io/hub/index.ts";
import { explainSystemError } from "../../platform/errors.ts";
import { lossPicture } from "../../training/run/loss_chart.ts";
import { LossCurve } from "../../training/run/loss_curve.ts";
import { type LossRecord, readLosses } from "../../training/run/metrics_log.ts";
import { type RunConfig, RunFolder } from "../../training/run/run_folder.ts";
import { settingsToJson } from "../../training/settings.ts";
import { UsageError } from "../errors.ts";
import { SYNTHETIC } from "../sources.ts";
import {
  type CardOptions,
  LOSS_CHART,
  type LossPart,
  modelCard,
  publicName,
  RUN_CONFIG,
  RUN_METRICS,
  type RunReport,
  SAMPLES,
} from "./model_card.ts";

/** Largest number of losses in the report. */
const CURVE_POINTS = 200;

/**
 * Finds the files of a run to upload, and writes generated ones into `folder`.
 * @throws UsageError when there is no run, or it has no pipeline yet; FileError
 */
export async function planPush(
  run: string,
  folder: string,
  options: Omit<CardOptions, "hasSamples">,
): Promise<Upload[]> {
  const paths = new RunFolder(run);
  const report = await readReport(paths);
  if (!existsSync(join(paths.pipeline, "model_index.json"))) {
    throw new UsageError(`${run} has written no checkpoint yet; let it train longer`);
  }
  const hasSamples = existsSync(paths.finalSamples);
  const made = (path: string) => ({ file: join(folder, path), path });
  const card = made(CARD);
  await files.writeFileAtomic(card.file, modelCard(report, { ...options, hasSamples }));
  const config = made(RUN_CONFIG);
  await files.writeFileAtomic(config.file, `${JSON.stringify(publicConfig(report.config), undefined, 2)}\n`);
  const uploads = [card, ...(await filesIn(paths.pipeline)), config];
  if (hasSamples) uploads.push({ file: paths.finalSamples, path: SAMPLES });
  if (existsSync(paths.metrics)) uploads.push({ file: paths.metrics, path: RUN_METRICS });
  if (report.losses.length > 0) {
    const chart = made(LOSS_CHART);
    await files.writeFileAtomic(chart.file, await lossPicture(await LossCurve.read(paths.metrics)));
    uploads.push(chart);
  }
  return uploads;
}

/** Copies the files to their places in a repository. */
export async function copyUploads(uploads: readonly Upload[], folder: string): Promise<void> {
  for (const { file, path } of uploads) {
    const target = join(folder, ...path.split("/"));
    if (target === file) continue;
    try {
      await mkdir(dirname(target), { recursive: true });
      await copyFile(file, target);
    } catch (error) {
      throw explainSystemError(error, "write the file", target);
    }
  }
}

/** Sizes of the files, in bytes. */
export const uploadSizes = (uploads: readonly Upload[]): Promise<number[]> =>
  Promise.all(uploads.map(async ({ file }) => (await stat(file)).size));

async function readReport(run: RunFolder): Promise<RunReport> {
  const config = await run.readConfig();
  const records: LossRecord[] = [];
  if (existsSync(run.metrics)) {
    for await (const { step, epoch, loss, seconds } of readLosses(run.metrics)) {
      records.push({ step, epoch, loss, seconds });
    }
  }
  return { config, last: records.at(-1), losses: lossParts(records) };
}

/** Means over equal parts of the steps. */
function lossParts(records: readonly LossRecord[]): LossPart[] {
  const size = Math.ceil(records.length / CURVE_POINTS);
  const parts: LossPart[] = [];
  for (let at = 0; at < records.length; at += size) {
    const part = records.slice(at, at + size);
    const [from, to] = [part[0]?.step ?? 0, part.at(-1)?.step ?? 0];
    parts.push({ from, to, loss: part.reduce((sum, { loss }) => sum + loss, 0) / part.length });
  }
  return parts;
}

/** The config without private paths of this machine. */
function publicConfig(config: RunConfig): object {
  const { source } = config.data;
  const isPublic = source === SYNTHETIC || isHubName(source);
  const data = { ...config.data, source: isPublic ? source : publicName(source) };
  const begun = config.init?.source ?? null;
  const init = config.init && {
    ...config.init,
    source: begun === null || isHubName(begun) ? begun : publicName(begun),
  };
  return { ...config, data, ...(init && { init }), training: settingsToJson(config.training) };
}

async function filesIn(folder: string): Promise<Upload[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ file, path: posix.join(...relative(folder, file).split(sep)) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
