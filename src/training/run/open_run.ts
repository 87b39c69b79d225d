// What a run needs while it lasts: the backend with the compiled step, what draws the batches, and the files that it
// writes.

import { machine } from "#platform";
import { BatchSampler } from "../../data/batches.ts";
import type { Backend, Executable } from "../../engine/backend.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import { TrainingOptionError } from "../errors.ts";
import { augmentOptions, type TrainSettings } from "../settings.ts";
import { BatchLabels } from "../step/batch_labels.ts";
import { checkStep, compileTrainStep, startState } from "../step/compile_step.ts";
import type { EmaConfig } from "../step/ema.ts";
import { LossSecondMoment } from "../step/loss_second_moment.ts";
import { type Objective, timestepCount } from "../step/objective.ts";
import { buildTrainStep, type TrainStep } from "../step/train_step.ts";
import { codecOf, stepOptions, type TrainerOptions } from "../trainer_options.ts";
import { checkpointSteps, explainDamage, type TrainingState } from "./checkpoint.ts";
import { checkSameStart, drawMissing, initRecord } from "./initial_weights.ts";
import { MetricsLog } from "./metrics_log.ts";
import { QualityMeter } from "./quality.ts";
import type { RunConfig, RunFolder } from "./run_folder.ts";
import type { RunLock } from "./run_lock.ts";
import { RunWriter } from "./run_writer.ts";

/** A run as it was asked for. */
export interface RunPlan {
  readonly options: TrainerOptions;
  readonly settings: TrainSettings;
  readonly objective: Objective;
  readonly ema: EmaConfig | null;
  readonly folder: RunFolder;
}

export interface Session {
  /** What config.json says. */
  readonly config: RunConfig;
  /** Held as long as the session lasts. */
  readonly lock: RunLock;
  readonly backend: Backend;
  readonly trainStep: TrainStep;
  readonly executable: Executable;
  readonly writer: RunWriter;
  readonly metrics: MetricsLog;
  readonly sampler: BatchSampler;
  /** What class-conditional models are told of the images. */
  readonly labels: BatchLabels | null;
  /** Draws the timesteps where the losses so far decide on them. */
  readonly timesteps: LossSecondMoment | null;
  readonly quality: QualityMeter;
  /** Steps done before this session. */
  readonly startStep: number;
  readonly startEpochLossSum: number;
}

/**
 * Compiles the step, reads the last checkpoint of a run to resume, and writes config.json. Of a new run the model is left
 * as it was: it takes over the trained weights with each checkpoint.
 * @param asked without what is only known here: the weights that a new run begins with
 * @throws RunFolderError, FileError, MemoryError, TrainingOptionError, in one line; the folder is then as it was
 */
export async function openSession(
  { options, settings, objective, ema, folder }: RunPlan,
  backend: Backend,
  asked: RunConfig,
  lock: RunLock,
): Promise<Session> {
  const { model, scheduler, data, resume = false } = options;
  const step = stepOptions(options, settings, objective);
  checkStep(backend, step);
  const trainStep = buildTrainStep(step);
  const { augmentEmbedding = null } = step;
  const labels = isClassConditional(model) ? data.labels : undefined;
  const writer = new RunWriter({
    ...{
      folder,
      settings,
      ema,
      model,
      codec: codecOf(options),
      augmentEmbedding,
      scheduler,
      trainStep,
      backend,
      hold: lock,
    },
    ...(labels && { id2label: labels.names }),
  });
  const found = resume ? (await checkpointSteps(folder)).at(-1) : undefined;
  if (found !== undefined && found > settings.steps) {
    throw new TrainingOptionError(
      `${folder.path} has already done ${found} steps, more than the ${settings.steps} asked for`,
    );
  }
  const { network } = trainStep;
  if (resume && found === undefined) checkSameStart(folder.path, asked.init, network);
  const init = resume ? asked.init : initRecord(network, options.init);
  const config = { ...asked, ...(init && { init }) };
  const state = found === undefined ? START : await writer.readCheckpoint(found);
  const timesteps =
    settings.timestepSampling === "loss-second-moment"
      ? new LossSecondMoment(timestepCount(objective))
      : null;
  if (found !== undefined && timesteps !== null) {
    await explainDamage(folder.checkpoint(found), async () => timesteps.restore(state.timestepLosses ?? []));
  }
  const executable = await (found === undefined
    ? compileStart(backend, trainStep, settings.seed)
    : compileTrainStep(backend, trainStep));
  if (!resume) {
    await lock.acquire(() => options.onStage?.("lock"));
    await lock.writing(() => folder.repair());
    await folder.checkFree();
  }
  await lock.writing((check) => folder.writeConfig(config, check));
  return {
    config,
    lock,
    backend,
    trainStep,
    executable,
    writer,
    metrics: await MetricsLog.open(folder.metrics, state.step, {
      permit: lock.check,
      warn: options.onWarning ?? machine.warn,
    }),
    sampler: new BatchSampler({
      count: data.count,
      batchSize: settings.batchSize,
      seed: settings.seed,
      flip: settings.flip,
      augment: augmentOptions(settings),
    }),
    labels: labels ? new BatchLabels(labels, settings.labelDropout, settings.seed) : null,
    timesteps,
    quality: new QualityMeter(data, backend, settings.seed),
    startStep: state.step,
    startEpochLossSum: state.epochLossSum,
  };
}

/** Compiles a step at its start; what is drawn goes to the backend, and no model holds it. */
async function compileStart(backend: Backend, trainStep: TrainStep, seed: number): Promise<Executable> {
  const drawn = drawMissing(trainStep.network, seed);
  try {
    startState(trainStep);
    return await compileTrainStep(backend, trainStep);
  } finally {
    for (const parameter of drawn) parameter.release();
  }
}

/** Closes the files and stops the backend. */
export async function closeSession(session: Session): Promise<void> {
  session.metrics.close();
  await session.writer.close();
  session.quality.close();
  session.executable.dispose();
  await session.backend.close();
  await session.lock.release();
}

const START: TrainingState = { step: 0, epochLossSum: 0 };
