// Opens a run: acquires all its resources before the first step, or none.

import { files, machine } from "#platform";
import { type Backend, GpuError, MemoryError } from "../../engine/backend.ts";
import {
  type ChosenBackend,
  chooseBackend,
  givesSameBits,
  isBackendName,
} from "../../engine/backends/create.ts";
import { DEFAULT_PRECISION } from "../../engine/precision.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import { TrainingOptionError } from "../errors.ts";
import { stepsPerEpoch } from "../presets.ts";
import { buildFittingStep } from "../step/compile_step.ts";
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
import { checkResumable, type RunConfig } from "./run_folder.ts";
import { RunLock } from "./run_lock.ts";
import { RunWriter } from "./run_writer.ts";
import { Speedometer } from "./speedometer.ts";

/**
 * Checks the folder, starts the backend, compiles the step, reads the last checkpoint of a run to resume, and writes
 * config.json. The model of a new run is unchanged here; it receives the trained weights at each checkpoint.
 * @returns undefined for a completed run
 * @throws RunFolderError, FileError, MemoryError, TrainingOptionError, in one line; the folder is then unchanged
 */
export async function openRun(plan: RunPlan): Promise<Run | undefined> {
  const { options, settings, folder } = plan;
  const { resume = false } = options;
  const lock = new RunLock(folder.path);
  let backend: Backend | undefined;
  let run: Run | undefined;
  try {
    const config = runConfig(options, settings);
    let before: RunConfig | undefined;
    if (resume) {
      before = await folder.readConfig();
      checkResumable(folder, before, config);
      await takeFolder(plan, lock);
      if (await isFinished(plan)) return undefined;
    } else {
      // Early, before any computation; checked again when the lock is taken.
      await folder.checkFree();
    }
    const { parameterCount } = options.model;
    const needed = runBytes(parameterCount, settings.keepCheckpoints, settings.emaMaxDecay !== null);
    await checkDisk(folder.path, needed);
    options.onStage?.("compile");
    const chosen = await chooseFor(plan, before?.backend);
    backend = chosen.backend;
    const { init } = before ?? {};
    run = await openOn(backend, lock, plan, {
      ...config,
      ...backendRecord(chosen, before),
      ...(init && { init }),
    });
    return run;
  } finally {
    if (run === undefined) {
      await backend?.close();
      await lock.release();
    }
  }
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
async function chooseFor({ options, settings }: RunPlan, before: string | undefined): Promise<ChosenBackend> {
  const { threads, onWarning = machine.warn } = options;
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

/** @param asked config.json without the record of initial weights, which only this function knows */
async function openOn(backend: Backend, lock: RunLock, plan: RunPlan, asked: RunConfig): Promise<Run> {
  const { options, settings, folder } = plan;
  const { model, scheduler, data, resume = false } = options;
  const codec = codecOf(options);

  // The parts that compute.
  const asStep = stepOptions(options, settings, objectiveOf(scheduler));
  const traced = traceStep(backend, asStep);
  const labels = isClassConditional(model) ? data.labels : undefined;
  const preview = new Preview({
    model,
    codec,
    scheduler,
    settings,
    backend,
    ...(labels && { id2label: labels.names }),
  });
  const found = resume ? await lastCheckpoint(plan) : undefined;
  if (resume && found === undefined) checkSameStart(folder.path, asked.init, traced.network);
  const init = resume ? asked.init : initRecord(traced.network, options.init);
  const config = { ...asked, ...(init && { init }) };
  const start = found === undefined ? START : await loadCheckpoint(folder, found, traced);
  const computer = await (found === undefined
    ? StepComputer.begin(backend, traced, settings)
    : StepComputer.resume(backend, traced, settings)
  ).catch((error: unknown) => {
    // A GPU tells only by refusing how much memory it has: now it is known which batch fits.
    if (error instanceof MemoryError) buildFittingStep(backend, asStep);
    throw error;
  });

  // The parts that write. A new run's folder is taken only now, so that a failed start leaves nothing behind.
  if (!resume) {
    await takeFolder(plan, lock);
    await folder.checkFree();
  }
  await lock.writing((check) => folder.writeConfig(config, check));
  const metrics = await MetricsLog.open(folder.metrics, start.step, {
    permit: lock.check,
    warn: options.onWarning ?? machine.warn,
  });
  const perEpoch = stepsPerEpoch(data.count, settings.batchSize);
  return new Run(plan, {
    config,
    lock,
    backend,
    computer,
    batches: new StepBatches({ data, model, codec, settings, backend }),
    preview,
    quality: new QualityMeter(data, backend, settings.seed),
    writer: new RunWriter({ folder, settings, parts: preview.parts, hold: lock }),
    metrics,
    epochLoss: new EpochLoss(perEpoch, settings.steps, start.epochLossSum),
    losses: await LossCurve.read(folder.metrics),
    speed: new Speedometer(settings.batchSize, metrics.secondsBefore),
    startStep: start.step,
  });
}

const START: TrainingState = { step: 0, epochLossSum: 0 };

/** Takes the lock, and completes or removes unfinished files of a killed process. */
async function takeFolder({ options, folder }: RunPlan, lock: RunLock): Promise<void> {
  await lock.acquire(() => options.onStage?.("lock"));
  await lock.writing(() => folder.repair());
}

/** Whether a run is complete, including the work after its last step. */
async function isFinished({ folder, settings }: RunPlan): Promise<boolean> {
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
