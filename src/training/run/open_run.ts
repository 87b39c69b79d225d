// Opens a run: acquires all its resources before the first step, or none.

import { files, machine } from "#platform";
import { threadsOf } from "../../distributed/threads.ts";
import { type Backend, GpuError, MemoryError } from "../../engine/backend.ts";
import {
  type ChosenBackend,
  chooseBackend,
  givesSameBits,
  isBackendName,
} from "../../engine/backends/create.ts";
import { DEFAULT_PRECISION } from "../../engine/precision.ts";
import { type Denoiser, isClassConditional } from "../../models/denoiser.ts";
import type { PipelineParts } from "../../pipelines/components.ts";
import { TrainingOptionError } from "../errors.ts";
import { stepsPerEpoch } from "../presets.ts";
import { type BatchShare, shareOf } from "../step/batch_share.ts";
import { objectiveOf } from "../step/objective.ts";
import { StepBatches } from "../step/step_batches.ts";
import { StepComputer } from "../step/step_computer.ts";
import { traceStep } from "../step/traced_step.ts";
import { codecOf, runConfig, stepOptions } from "../trainer_options.ts";
import { checkpointSteps, type TrainingState } from "./checkpoint.ts";
import { checkDisk, runBytes } from "./disk.ts";
import { EpochLoss } from "./epoch_loss.ts";
import { checkSameStart, initRecord } from "./initial_weights.ts";
import { loadCheckpoint } from "./load_checkpoint.ts";
import { LossCurve } from "./loss_curve.ts";
import { MetricsLog } from "./metrics_log.ts";
import { Preview } from "./preview.ts";
import { QualityMeter } from "./quality.ts";
import { Run, type RunPlan } from "./run.ts";
import { checkResumable, type LaterKnown, type RunConfig } from "./run_folder.ts";
import { RunLock } from "./run_lock.ts";
import { RunRecords } from "./run_records.ts";
import { RunWriter } from "./run_writer.ts";
import { shareBeginning, shareState } from "./share_start.ts";
import { Speedometer } from "./speedometer.ts";

/**
 * Checks the folder, starts the backend, compiles the step, reads the last checkpoint of a run to resume, and writes
 * config.json. The model of a new run is unchanged here; it receives the trained weights at each checkpoint. Of several
 * processes, the first reads and writes the folder.
 * @returns undefined for a completed run
 * @throws RunFolderError, FileError, MemoryError, TrainingOptionError, in one line; the folder is then unchanged
 */
export async function openRun(plan: RunPlan): Promise<Run | undefined> {
  const { options, settings, folder, communicator } = plan;
  const lock = communicator.rank === 0 ? new RunLock(folder.path) : undefined;
  let backend: Backend | undefined;
  let run: Run | undefined;
  try {
    const share = shareOf(settings, communicator);
    const config = runConfig(options, settings);
    const { fingerprint } = config.data;
    let before: RunConfig | undefined;
    const { isFinished, backend: backendBefore } = await shareBeginning(
      communicator,
      async () => {
        before = lock && (await readBefore(plan, config, lock));
        const isComplete = before !== undefined && (await isFinishedRun(plan));
        return { isFinished: isComplete, fingerprint, ...(before && { backend: before.backend }) };
      },
      fingerprint,
    );
    if (isFinished) return undefined;
    options.onStage?.("compile");
    const chosen = await chooseFor(plan, backendBefore);
    backend = chosen.backend;
    const { init } = before ?? {};
    const asked = { ...config, ...backendRecord(chosen, before), ...(init && { init }) };
    run = await openOn(backend, { plan, lock, share, asked });
    return run;
  } finally {
    if (run === undefined) {
      await backend?.close();
      await lock?.release();
    }
  }
}

/**
 * Checks that the run can begin, or go on, in its folder, and takes the folder of a run to resume.
 * @returns the config of the run to resume
 */
async function readBefore(
  plan: RunPlan,
  config: Omit<RunConfig, LaterKnown>,
  lock: RunLock,
): Promise<RunConfig | undefined> {
  const { options, settings, folder } = plan;
  let before: RunConfig | undefined;
  if (options.resume) {
    before = await folder.readConfig();
    checkResumable(folder, before, config);
    await takeFolder(plan, lock);
    if (await isFinishedRun(plan)) return before;
    warnOfOrder(plan, before);
  } else {
    // Early, before any computation; checked again when the lock is taken.
    await folder.checkFree();
  }
  const { parameterCount } = options.model;
  await checkDisk(
    folder.path,
    runBytes(parameterCount, settings.keepCheckpoints, settings.emaMaxDecay !== null),
  );
  return before;
}

/** Warns where the batch was cut in another way so far. */
function warnOfOrder({ options, settings }: RunPlan, { training }: RunConfig): void {
  const { onWarning = machine.warn } = options;
  if (training.microbatch === settings.microbatch) return;
  const inWords = (microbatch: number | null) =>
    microbatch === null ? "whole batches" : `microbatches of ${microbatch}`;
  onWarning(
    `the run computed ${inWords(training.microbatch)} so far; with ${inWords(settings.microbatch)} its numbers differ in their last bits`,
  );
}

/** What config.json says of a backend. The reason for it stays as long as it does. */
function backendRecord(
  { backend: { name }, device, reason }: ChosenBackend,
  before: RunConfig | undefined,
): Pick<RunConfig, "backend" | "device" | "backendReason"> {
  const backendReason = before?.backend === name ? before.backendReason : reason;
  return { backend: name, device, ...(backendReason !== undefined && { backendReason }) };
}

/**
 * The backend that is asked for; otherwise that of the run, whose bits stay the same.
 * @param before the name of the run's backend so far
 */
async function chooseFor(
  { options, settings, communicator }: RunPlan,
  before: string | undefined,
): Promise<ChosenBackend> {
  const { threads = threadsOf(communicator), onWarning = machine.warn } = options;
  const own = before !== undefined && isBackendName(before) ? before : undefined;
  // Machine code gives way to WebAssembly where it cannot be run.
  const backend = options.backend ?? (own === "native" ? "cpu" : own);
  try {
    const chosen = await chooseBackend({
      ...(backend && { backend }),
      ...(threads !== undefined && { threads }),
    });
    const { name } = chosen.backend;
    if (before !== undefined && !(isBackendName(name) && (await givesSameBits(before, name)))) {
      onWarning(`the run was on ${before} so far; on ${name} its numbers differ in their last bits`);
    }
    if (settings.precision !== DEFAULT_PRECISION && name !== "webgpu") {
      onWarning(`${settings.precision} is for GPUs; on the processor it is slower than ${DEFAULT_PRECISION}`);
    }
    return chosen;
  } catch (error) {
    if (!(error instanceof GpuError) || options.backend !== undefined) throw error;
    throw new GpuError(`the run is on ${before}, and ${error.message}; --backend wasm continues it`, {
      cause: error,
    });
  }
}

interface Opening {
  readonly plan: RunPlan;
  /** Of the folder, on the first process. */
  readonly lock: RunLock | undefined;
  readonly share: BatchShare;
  /** config.json without the record of initial weights, which is known here only. */
  readonly asked: RunConfig;
}

async function openOn(backend: Backend, { plan, lock, share, asked }: Opening): Promise<Run> {
  const { options, settings, folder, communicator } = plan;
  const { model, scheduler, data, resume = false } = options;
  const codec = codecOf(options);

  // The parts that compute.
  const asStep = stepOptions(options, settings, objectiveOf(scheduler));
  const traced = traceStep(backend, asStep, share);
  const labels = isClassConditional(model) ? data.labels : undefined;
  const preview = new Preview({
    ...{ model, codec, scheduler, settings, backend, communicator },
    ...(labels && { id2label: labels.names }),
  });
  const found = lock && resume ? await lastCheckpoint(plan) : undefined;
  if (lock && resume && found === undefined) checkSameStart(folder.path, asked.init, traced.network);
  const init = resume ? asked.init : initRecord(traced.network, options.init);
  const config = { ...asked, ...(init && { init }) };
  const loaded = found === undefined ? undefined : await loadCheckpoint(folder, found, traced);
  const start = await shareState(communicator, traced, loaded);
  const computer = await (start === undefined
    ? StepComputer.begin(backend, traced, settings, communicator)
    : StepComputer.resume(backend, traced, settings, communicator)
  ).catch((error: unknown) => {
    // A GPU tells only by refusing how much memory it has: now it is known which batch fits.
    if (error instanceof MemoryError) traceStep(backend, asStep, share);
    throw error;
  });

  const { step: startStep, epochLossSum } = start ?? START;
  const records = lock && (await openRecords(plan, lock, { config, startStep, parts: preview.parts }));
  const perEpoch = stepsPerEpoch(data.count, settings.batchSize);
  return new Run(plan, {
    config,
    records,
    backend,
    computer,
    batches: new StepBatches({ data, model, codec, settings, backend, own: share.own }),
    preview,
    quality: new QualityMeter(data, backend, settings.seed),
    epochLoss: new EpochLoss(perEpoch, settings.steps, epochLossSum),
    speed: new Speedometer(settings.batchSize, records?.secondsBefore ?? 0),
    startStep,
  });
}

interface Recorded {
  readonly config: RunConfig;
  readonly startStep: number;
  /** The components of the pipeline. */
  readonly parts: PipelineParts<Denoiser>;
}

/** A new run's folder is taken only now, so that a failed start leaves nothing behind. */
async function openRecords(
  plan: RunPlan,
  lock: RunLock,
  { config, startStep, parts }: Recorded,
): Promise<RunRecords> {
  const { options, settings, folder } = plan;
  const { onWarning = machine.warn } = options;
  if (!options.resume) {
    await takeFolder(plan, lock);
    await folder.checkFree();
  }
  await lock.writing((check) => folder.writeConfig(config, check));
  const metrics = await MetricsLog.open(folder.metrics, startStep, { permit: lock.check, warn: onWarning });
  return new RunRecords({
    ...{ folder, settings, lock, metrics, onWarning },
    writer: new RunWriter({ folder, settings, parts, hold: lock }),
    losses: await LossCurve.read(folder.metrics),
  });
}

const START: TrainingState = { step: 0, epochLossSum: 0 };

/** Takes the lock, and completes or removes unfinished files of a killed process. */
async function takeFolder({ options, folder }: RunPlan, lock: RunLock): Promise<void> {
  await lock.acquire(() => options.onStage?.("lock"));
  await lock.writing(() => folder.repair());
}

/** Whether a run is complete, including the work after its last step. */
async function isFinishedRun({ folder, settings }: RunPlan): Promise<boolean> {
  const { steps, sampleEvery, evalEvery } = settings;
  const last = (await checkpointSteps(folder)).at(-1);
  // The last grid comes after the last numbers; without grids, only the metrics show whether the numbers exist.
  const hasNumbers = sampleEvery > 0 ? await files.exists(folder.finalSamples) : evalEvery === 0;
  return last === steps && hasNumbers && (await files.exists(folder.pipeline));
}

/** The step of the last checkpoint. @throws TrainingOptionError where it is beyond the run's last step */
async function lastCheckpoint({ folder, settings }: RunPlan): Promise<number | undefined> {
  const last = (await checkpointSteps(folder)).at(-1);
  if (last === undefined || last <= settings.steps) return last;
  throw new TrainingOptionError(
    `${folder.path} has already done ${last} steps, more than the ${settings.steps} asked for`,
  );
}
