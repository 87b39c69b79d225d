// imago eval: measures the quality of a model's images, and reports how each number was made.

import { sourceImage } from "../../data/source_image.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { singleProcess } from "../../distributed/single.ts";
import { imageGrid, type Pixels, toRgb, writeImage } from "../../io/image/index.ts";
import { compare } from "../../metrics/comparison.ts";
import { FeatureExtractor } from "../../metrics/extractor.ts";
import type { Features } from "../../metrics/features.ts";
import { judge, nearness } from "../../metrics/memorisation.ts";
import { pixelFeatures } from "../../metrics/pixels.ts";
import type { Cooperation } from "../../platform/cooperative.ts";
import { checking, Interrupted } from "../errors.ts";
import { onInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { firstOnEachMachine, outputOf, together } from "../team.ts";
import { duration, timeLeft } from "../wording.ts";
import { checkBound, findBound, type Watched } from "./bound.ts";
import { type EvalFlags, type EvalPlan, type ImageSet, planEval } from "./plan.ts";
import { appendRow, caution, checkRows, type Repetition, resultJson, resultLines } from "./report.ts";

/** Number of images whose features are computed at once; fewer for a large network. */
const FEATURE_BATCH = { large: 8, small: 32 };
const LARGE_SIDE = 128;
/** Number of rows in the memorisation picture. */
const SHOWN = 12;

export function evaluate(subject: string, flags: EvalFlags): Promise<void> {
  return together(flags, (communicator = singleProcess()) => evaluateWith(communicator, subject, flags));
}

async function evaluateWith(communicator: Communicator, subject: string, flags: EvalFlags): Promise<void> {
  const output = outputOf(communicator, flags.json);
  const plan = await checking(async () => {
    const ready = await firstOnEachMachine(communicator, () =>
      planEval(subject, flags, output, communicator),
    );
    try {
      checkBound(ready, flags);
      if (ready.run) await checkRows(ready.run);
    } catch (error) {
      await ready.close();
      throw error;
    }
    return ready;
  });
  const interrupt = new AbortController();
  const release = onInterrupt(() => interrupt.abort(new Interrupted("stopped; nothing was written")));
  const started = performance.now();
  const extractor = new FeatureExtractor(
    plan.network,
    plan.backend,
    plan.network.size > LARGE_SIDE ? FEATURE_BATCH.large : FEATURE_BATCH.small,
  );
  try {
    const warning = caution(plan.network, plan.data, plan.comparedCount);
    const { signal } = interrupt;
    if (plan.bound) output.begin("compiling the model");
    const compared = await plan.images(signal);
    if (compared === undefined || communicator.rank > 0) return;
    const reals: ImageSet = {
      count: plan.data.count,
      image: (index) => sourceImage(plan.data, index),
    };
    const stage = (text: string) => cooperation(text, signal, output);
    output.begin("compiling the network of features");
    const generated = await extractor.extract(
      compared.count,
      compared.image,
      stage("features of the images"),
    );
    const real = await extractor.extract(reals.count, reals.image, stage("features of the data"));
    const comparison = await compare(real, generated, { seed: flags.seed, ...stage("comparing") });
    const repetition =
      flags.memorisation === undefined
        ? undefined
        : await findRepetition(plan, { real, generated }, { reals, compared }, flags.memorisation, {
            ...stage("looking for copies"),
          });
    const bound = await findBound(plan, flags, stage("variational bound"));
    const seconds = (performance.now() - started) / 1000;
    const result = { comparison, repetition, bound, comparedCount: compared.count, seconds };
    const row = resultJson(plan, result, flags);
    const file = plan.run && (await appendRow(plan.run, row));
    output.clear();
    output.event({ event: "eval", ...row, ...(file !== undefined && { file }) });
    for (const line of resultLines(plan, result)) output.line(line);
    if (flags.memorisation !== undefined) {
      output.line(`image, nearest by features, nearest by pixels: ${flags.memorisation}`);
    }
    output.line(`took ${duration(seconds)}${file === undefined ? "" : `; kept in ${file}`}`);
    if (warning !== undefined) output.warn(warning);
  } finally {
    release();
    output.end();
    extractor.close();
    await plan.close();
  }
}

/** Progress of one stage, with its remaining time. */
function cooperation(text: string, signal: AbortSignal, output: Output): Watched {
  const started = performance.now();
  return {
    signal,
    onProgress: (share) => {
      const left = timeLeft(share, (performance.now() - started) / 1000);
      output.status({ share, parts: [text, `${Math.floor(share * 100)} %`, ...left] });
    },
  };
}

/** Finds the nearest images of the data, and draws the nearest pairs. */
async function findRepetition(
  plan: EvalPlan,
  { real, generated }: { readonly real: Features; readonly generated: Features },
  { reals, compared }: { readonly reals: ImageSet; readonly compared: ImageSet },
  file: string,
  progress: Cooperation,
): Promise<Repetition> {
  const all = ({ count, image }: ImageSet) => Array.from({ length: count }, (_, i) => toRgb(image(i)));
  const drawn = all(compared);
  const training = all(reals);
  const byFeatures = await nearness(generated, real, progress);
  const byPixels = await nearness(pixelFeatures(drawn), pixelFeatures(training), {
    ...progress,
    ...(plan.mirrored && { mirrored: pixelFeatures(drawn, true) }),
  });
  const found = judge(byFeatures, byPixels);
  const shown = Array.from(found.order.subarray(0, SHOWN));
  const row = (i: number): Pixels[] => [drawn[i], training[byFeatures.index[i]], training[byPixels.index[i]]];
  await writeImage(file, imageGrid(shown.flatMap(row), { columns: 3 }));
  return { byFeatures, byPixels, found, count: compared.count };
}
