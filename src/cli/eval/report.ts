// The results of imago eval: as a table, as one JSON object, and as a row of the run's eval.json.

import { existsSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { files } from "#platform";
import type { ImageSource } from "../../data/index.ts";
import { sizeOf } from "../../data/local/form.ts";
import { readJsonAs } from "../../io/diffusers_json.ts";
import { type Comparison, FEW_IMAGES } from "../../metrics/comparison.ts";
import type { FeatureNetwork } from "../../metrics/extractor.ts";
import { COPY_RATIO, type Memorisation, type Nearness } from "../../metrics/memorisation.ts";
import type { RunFolder } from "../../training/run/run_folder.ts";
import { VERSION } from "../../version.ts";
import { counted } from "../wording.ts";
import type { EvalPlan } from "./plan.ts";

/** Nearness of drawn images to those of the data. */
export interface Repetition {
  readonly byFeatures: Nearness;
  readonly byPixels: Nearness;
  readonly found: Memorisation;
  /** Number of drawn images. */
  readonly count: number;
}

/** The variational bound over images of the data. */
export interface Bound {
  readonly bits: number;
  readonly images: number;
  /** Number of evaluated timesteps, and of all. */
  readonly timesteps: number;
  readonly of: number;
}

export interface Result {
  readonly comparison: Comparison;
  readonly repetition: Repetition | undefined;
  readonly bound: Bound | undefined;
  readonly comparedCount: number;
  readonly seconds: number;
}

/** "patch FD" -> "patch_fd". */
const keyOf = (name: string): string => name.toLowerCase().replaceAll(" ", "_");

/** The numbers with their protocol, so that none is quoted without it. */
export function resultJson(
  { network, data, source, compared }: EvalPlan,
  { comparison, repetition, bound, comparedCount, seconds }: Result,
  flags: { readonly seed: number },
): Record<string, unknown> {
  const { frechet, kernel, neighbours } = comparison;
  const { distances } = network;
  return {
    imago: VERSION,
    time: new Date().toISOString(),
    numbers: {
      [keyOf(distances.frechet)]: frechet,
      [keyOf(distances.kernel)]: kernel.mean,
      [`${keyOf(distances.kernel)}_deviation`]: kernel.deviation,
      ...(neighbours && {
        precision: neighbours.precision,
        recall: neighbours.recall,
        density: neighbours.density,
        coverage: neighbours.coverage,
      }),
      ...(bound && { bits_per_dim: bound.bits }),
    },
    ...(repetition && { memorisation: repetitionJson(repetition) }),
    protocol: {
      features: network.name,
      weights: network.weights,
      resize: network.resize,
      data: dataJson(data, source),
      compared: { ...compared, count: comparedCount },
      kernel: { subsets: kernel.subsets, subset_size: kernel.subsetSize, seed: flags.seed },
      ...(neighbours && { neighbours: neighbours.k }),
      ...(bound && {
        bits_per_dim: {
          images: bound.images,
          timesteps: bound.timesteps,
          of: bound.of,
          seed: flags.seed,
        },
      }),
    },
    seconds: Number(seconds.toFixed(3)),
  };
}

const dataJson = (data: ImageSource, source: string) => ({
  source,
  count: data.count,
  size: sizeOf(data.size),
  ...(data.channels !== 3 && { channels: data.channels }),
  fingerprint: data.fingerprint(),
});

const repetitionJson = ({ byFeatures, byPixels, found, count }: Repetition) => ({
  verdict: found.verdict,
  copies: found.copies,
  count,
  copy_ratio: COPY_RATIO,
  least_ratio_features: byFeatures.leastRatio,
  least_ratio_pixels: byPixels.leastRatio,
  median_ratio_features: byFeatures.medianRatio,
  median_ratio_pixels: byPixels.medianRatio,
});

/** The table for people. */
export function resultLines(
  plan: EvalPlan,
  { comparison, repetition, bound, comparedCount }: Result,
): string[] {
  const { network, data, source, description } = plan;
  const { frechet, kernel, neighbours } = comparison;
  const { width, height } = data.size;
  const spread =
    kernel.deviation === null
      ? ""
      : ` (± ${kernel.deviation.toPrecision(2)} over ${kernel.subsets} subsets of ${kernel.subsetSize})`;
  const share = (value: number) => value.toFixed(3);
  const rows: (readonly [name: string, value: string, meaning: string])[] = [
    [network.distances.frechet, frechet.toPrecision(5), "distance of two Gaussians: lower is better"],
    [
      network.distances.kernel,
      kernel.mean.toPrecision(4),
      `about 0 for equal sets: lower is better${spread}`,
    ],
  ];
  if (neighbours) {
    rows.push(
      ["precision", share(neighbours.precision), "of the images look like the data's"],
      ["recall", share(neighbours.recall), "of the data's variety is among the images"],
      ["density", share(neighbours.density), "how deep in the data the images lie; about 1 for equal sets"],
      ["coverage", share(neighbours.coverage), "of the data has an image near it"],
    );
  }
  if (bound) {
    const over = `over ${counted(bound.images, "image")} of the data, ${bound.timesteps} of ${bound.of} timesteps`;
    rows.push(["bits/dim", bound.bits.toFixed(3), `the model's variational bound ${over}: lower is better`]);
  }
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  return [
    `${counted(comparedCount, "image")} ${description}, against ${counted(data.count, "image")} of ${source}, ${width} x ${height} pixels`,
    "",
    ...rows.map(
      ([name, value, meaning]) => `  ${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)}  ${meaning}`,
    ),
    "",
    `features: ${network.name}, images ${network.resize}; weights: ${network.weights}`,
    ...(repetition ? [repetitionLine(repetition)] : []),
  ];
}

function repetitionLine({ byFeatures, byPixels, found, count }: Repetition): string {
  const verdicts = {
    memorised: `memorised: ${found.copies} of ${counted(count, "image")} are copies of training images`,
    "some copies": `some copies: ${found.copies} of ${counted(count, "image")}`,
    "no copies": `no copies among ${counted(count, "image")}`,
  };
  const limit = "a copy is nearer to an image of the data than 1/3 of what the next one is";
  const ratios = ({ leastRatio, medianRatio }: Nearness, by: string) =>
    `the least is ${leastRatio.toFixed(2)} by ${by}, the median ${medianRatio.toFixed(2)}`;
  const usual = `${ratios(byFeatures, "features")}; ${ratios(byPixels, "pixels")}`;
  return `${verdicts[found.verdict]} (${limit}; ${usual})`;
}

/** A warning about the numbers' validity; undefined if there is none. */
export function caution(
  network: FeatureNetwork,
  data: ImageSource,
  comparedCount: number,
): string | undefined {
  const fewest = Math.min(data.count, comparedCount);
  if (fewest >= FEW_IMAGES) return undefined;
  const { frechet, kernel } = network.distances;
  return `${frechet} of ${counted(fewest, "image")} is biased upwards: compare it only with numbers of as many images; ${kernel} is not biased`;
}

const rowsSchema = v.array(v.record(v.string(), v.unknown()));

/** Adds a row to the run's eval.json. @returns the file @throws FileError where it holds anything else */
export async function appendRow(run: RunFolder, row: Record<string, unknown>): Promise<string> {
  const file = evalFile(run);
  const rows = await readRows(file);
  await files.writeFileAtomic(file, `${JSON.stringify([...rows, row], undefined, 2)}\n`);
  return file;
}

/** Checks in advance that a row can be added. @throws FileError */
export async function checkRows(run: RunFolder): Promise<void> {
  await readRows(evalFile(run));
}

const evalFile = (run: RunFolder): string => join(run.path, "eval.json");

const readRows = async (file: string): Promise<v.InferOutput<typeof rowsSchema>> =>
  existsSync(file) ? readJsonAs(file, rowsSchema) : [];
