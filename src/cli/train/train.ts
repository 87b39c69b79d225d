// imago train: makes a Trainer from the command line, and reports its progress to a terminal or as JSON.

import { existsSync } from "node:fs";
import type { ImageSource } from "../../data/index.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { singleProcess } from "../../distributed/single.ts";
import { GpuError } from "../../engine/backend.ts";
import type { FeatureNetwork } from "../../metrics/extractor.ts";
import { patchNetwork, patchSideOf } from "../../metrics/patch_network.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import type { UNet2DModel } from "../../models/unet_2d_model.ts";
import { FileError } from "../../platform/errors.ts";
import { DivergenceError } from "../../training/errors.ts";
import { giveWeights } from "../../training/run/give_weights.ts";
import { metricsToJson, qualityToJson } from "../../training/run/metrics_log.ts";
import type { Quality } from "../../training/run/quality.ts";
import type { TrainSettings } from "../../training/settings.ts";
import { withClasses } from "../../training/step/batch_labels.ts";
import { addsAlongTree } from "../../training/step/batch_share.ts";
import { Trainer, type TrainProgress } from "../../training/trainer.ts";
import { checking, EXIT, Interrupted } from "../errors.ts";
import { expectWork, onInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { openSource } from "../sources.ts";
import { firstOnEachMachine, outputOf, together } from "../team.ts";
import { bytes, CLASSES_TOLD, counted, duration, imagoCommand, magnitude, someOf } from "../wording.ts";
import { trainAgain } from "./again.ts";
import { readInit, tellInit, warnOfPrediction } from "./init.ts";
import { Orders } from "./orders.ts";
import { type TrainFlags, type TrainPlan, trainPlan } from "./plan.ts";

const BEGINNINGS = {
  lock: "watching whether another process still trains in this folder",
  compile: "compiling the training step",
};
const ACTIVITIES = {
  samples: "drawing samples",
  checkpoint: "saving",
  "data features": "features of the data",
  quality: "measuring quality",
};
/** Shorter epochs get no line of their own (milliseconds). */
const EPOCH_LINE_MS = 10_000;

export async function train(flags: TrainFlags): Promise<void> {
  expectWork();
  const orders = new Orders();
  try {
    await together(flags, async (communicator) => {
      const output = outputOf(communicator ?? singleProcess(), flags.json);
      await trainTo(await checking(() => prepare(flags, output, communicator)), orders, output);
    });
  } finally {
    orders.end();
  }
}

/** Trains to the end of the run, or until it is stopped. */
async function trainTo(ready: Ready, orders: Orders, output: Output): Promise<void> {
  const { trainer, out } = ready;
  if (trainer.finished) {
    output.event({ event: "finished", step: trainer.settings.steps, out });
    output.line(
      `${out} is finished: ${counted(trainer.settings.steps, "step")} done. Draw from it: ${imagoCommand("sample", out)}`,
    );
    return;
  }
  output.clear();
  const release = onInterrupt(() => {
    output.line("stopping after this step; a checkpoint is written (Ctrl-C again ends at once)");
    trainer.stop();
  });
  orders.follow(trainer);
  announce(ready, output);
  const report = reporter(ready, output);
  let last: TrainProgress | undefined;
  try {
    for await (const progress of trainer.run()) {
      report(progress);
      last = progress;
    }
  } catch (error) {
    if (error instanceof DivergenceError && error.checkpoint !== undefined) {
      const { step, message, checkpoint } = error;
      const command = trainAgain(ready.plan, trainer, checkpoint, ready.data.count);
      throw new DivergenceError(step, `${message}: ${command}`, checkpoint);
    }
    const goOn = imagoCommand("train", "--out", out, "--resume");
    if (error instanceof GpuError)
      throw new GpuError(`${error.message}; go on with: ${goOn}`, { cause: error });
    if (!(error instanceof FileError)) throw error;
    throw new FileError(error.path, `${error.problem}; then go on with: ${goOn}`, { cause: error });
  } finally {
    release();
    output.end();
  }
  const step = last?.step ?? trainer.startStep;
  // After a stop at the last step, the work that follows it is still to do.
  if (trainer.stopped && !trainer.finished) {
    if (last !== undefined && last.checkpoint === undefined) {
      output.event({ event: "checkpoint", step, folder: trainer.folder.checkpoint(step) });
    }
    output.event({ event: "interrupted", step, out });
    throw new Interrupted(
      `stopped after step ${step}; go on with: ${imagoCommand("train", "--out", out, "--resume")}`,
    );
  }
  conclude(ready, step, last?.seconds, output);
}

interface Ready {
  readonly plan: TrainPlan;
  readonly trainer: Trainer;
  readonly model: UNet2DModel;
  readonly source: string;
  readonly data: ImageSource;
  readonly out: string;
}

/** The work before the first step; errors here are errors in the command. */
async function prepare(
  flags: TrainFlags,
  output: Output,
  communicator: Communicator | undefined,
): Promise<Ready> {
  const plan = await trainPlan(flags, (source) => readInit(source, output), communicator);
  const { scheduler, data: dataPlan, options } = plan;
  const data = await firstOnEachMachine(communicator, () =>
    openSource(dataPlan.source, { ...dataPlan, ...dataPlan.selection, flip: options.flip }, output),
  );
  const plain = plan.makeModel(data.channels);
  const model = plan.classConditional ? withClasses(plain, data, options.labelDropout) : plain;
  const classes = isClassConditional(model) ? data.labels?.names : undefined;
  const init = plan.init && giveWeights(model, plan.init, classes, options.seed);
  if (plan.init) warnOfPrediction(plan.init, scheduler, output);
  // The trainer's model has these weights now.
  plan.init?.unet.release();
  const trainer = new Trainer({
    ...options,
    model,
    ...(init && { init }),
    scheduler,
    data,
    source: dataPlan.source,
    selection: dataPlan.selection,
    skipBroken: dataPlan.skipBroken,
    onStage: (stage, share) => {
      if (stage === "compile" || stage === "lock") return output.begin(BEGINNINGS[stage]);
      const done = share === undefined ? "" : `, ${Math.floor(share * 100)} %`;
      output.activity(`${ACTIVITIES[stage]}${done}`);
    },
    onWarning: (message) => output.warn(message),
  });
  await trainer.prepare();
  return { plan, trainer, model, source: dataPlan.source, data, out: options.out };
}

function announce({ plan, trainer, model, source, data, out }: Ready, output: Output): void {
  const { settings, startStep, arenaBytes, memoryBytes, device } = trainer;
  const { communicator } = plan.options;
  const images = data.count;
  const classes = isClassConditional(model) ? data.labels?.names : undefined;
  output.event({
    event: "start",
    out,
    step: startStep,
    steps: settings.steps,
    images,
    ...(classes && { classes, label_dropout: settings.labelDropout }),
    parameters: model.parameterCount,
    batch_size: settings.batchSize,
    ...(device && { device: device.name }),
    ...(communicator && { processes: communicator.size, microbatch: settings.microbatch }),
    arena_bytes: arenaBytes,
    memory_bytes: memoryBytes,
  });
  const { batchSize, steps } = settings;
  output.line(
    `training a model of ${magnitude(model.parameterCount)} parameters on ${counted(images, "image")} (${source})`,
  );
  const { width, height } = data.size;
  if (width !== height || data.channels !== 3) {
    const kind = { 1: "gray", 3: "RGB", 4: "RGB and transparency" }[data.channels];
    output.line(`they are read as ${width} x ${height} pixels of ${kind}`);
  }
  output.line(
    `${counted(steps, "step")} of ${counted(batchSize, "image")}, in ${bytes(memoryBytes)} of memory, into ${out}`,
  );
  if (device)
    output.line(`computing on ${device.name}${device.reason === undefined ? "" : `: ${device.reason}`}`);
  if (communicator) tellTeam(communicator, settings, output);
  if (trainer.init && startStep === 0) tellInit(trainer.init, output);
  if (classes) output.line(`${counted(classes.length, "class")}: ${someOf(classes, CLASSES_TOLD)}`);
  else if (data.labels) {
    output.line(
      `the images are of ${counted(data.labels.names.length, "class")}, which are not used; --class-conditional learns to draw each`,
    );
  }
  if (startStep > 0) output.line(`going on after step ${startStep}`);
}

/** How the processes share a batch, and whether their number decides the last bits. */
function tellTeam({ size }: Communicator, { batchSize, microbatch }: TrainSettings, output: Output): void {
  const share = batchSize / size;
  const atOnce = microbatch === null || microbatch === share ? "" : `, ${microbatch} at a time`;
  output.line(`${counted(size, "process")}, each with ${counted(share, "image")} of a batch${atOnce}`);
  if (!addsAlongTree(share / (microbatch ?? share)))
    output.line("with another number of processes the sums have another order, and other last bits");
}

/** Reports each step; epochs only if they take long. */
function reporter({ trainer, data }: Ready, output: Output): (progress: TrainProgress) => void {
  const { evalCount } = trainer.settings;
  const features = patchNetwork(patchSideOf(data.size));
  let epochToldAt = Date.now();
  let quality: Quality | undefined;
  return (progress) => {
    quality = progress.quality ?? quality;
    const tellEpoch = progress.epochLoss !== undefined && Date.now() - epochToldAt >= EPOCH_LINE_MS;
    if (tellEpoch) epochToldAt = Date.now();
    report(progress, { tellEpoch, quality, evalCount, features }, output);
  };
}

function tellQuality(
  step: number,
  quality: Quality,
  images: number,
  { name, distances }: FeatureNetwork,
  output: Output,
): void {
  output.event({ event: "quality", step, ...qualityToJson(quality), features: name, images });
  output.line(
    `step ${step}: ${distances.frechet} ${quality.patchFd.toPrecision(4)}, ${distances.kernel} ${quality.patchKd.toPrecision(3)} (${counted(images, "image")}, ${name})`,
  );
}

/** @param quality the last measurement */
function report(
  progress: TrainProgress,
  {
    tellEpoch,
    quality,
    evalCount,
    features,
  }: {
    readonly tellEpoch: boolean;
    readonly quality: Quality | undefined;
    readonly evalCount: number;
    readonly features: FeatureNetwork;
  },
  output: Output,
): void {
  const { step, steps, epoch, epochs, loss, imagesPerSecond, secondsLeft, epochLoss, samples, checkpoint } =
    progress;
  output.event({ event: "step", ...metricsToJson(progress), seconds_left: Math.round(secondsLeft) });
  if (progress.quality) tellQuality(step, progress.quality, evalCount, features, output);
  if (samples !== undefined) {
    output.event({ event: "samples", step, file: samples });
    output.line(`step ${step}: samples in ${samples}`);
  }
  if (checkpoint !== undefined) output.event({ event: "checkpoint", step, folder: checkpoint });
  if (epochLoss !== undefined) {
    output.event({ event: "epoch", epoch, loss: epochLoss });
    if (tellEpoch) output.line(`epoch ${epoch}: mean loss ${epochLoss.toFixed(4)}`);
  }
  const parts = [
    `epoch ${epoch}/${epochs}`,
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    ...(quality ? [`${features.distances.frechet} ${quality.patchFd.toPrecision(4)}`] : []),
    `${imagesPerSecond.toFixed(1)} images/s`,
    ...(step < steps ? [`${duration(secondsLeft)} left`] : []),
  ];
  output.status({ share: step / steps, parts }, { force: step === steps });
}

function conclude(
  { trainer, model, data, out }: Ready,
  step: number,
  seconds: number | undefined,
  output: Output,
): void {
  const { finalSamples, lossChart, pipeline } = trainer.folder;
  const samples = existsSync(finalSamples) ? finalSamples : undefined;
  output.event({ event: "done", code: EXIT.done, step, samples, pipeline });
  output.line(`done${seconds === undefined ? "" : ` in ${duration(seconds)}`}`);
  if (samples !== undefined) output.line(`samples: ${samples}`);
  if (existsSync(lossChart)) output.line(`losses: ${lossChart}`);
  output.line(`model: ${pipeline}`);
  const [name = "0"] = data.labels?.names ?? [];
  const guidance = trainer.settings.labelDropout > 0 ? ["--guidance", "2"] : [];
  const classes = isClassConditional(model) ? ["--class", name, ...guidance] : [];
  const more = ["--count", "16", "--seed", "1", ...classes, "--film", "film.webp"];
  output.line(`draw more: ${imagoCommand("sample", out, ...more)}`);
}
