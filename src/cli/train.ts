// imago train: from the command line to a Trainer, and what it reports to a terminal or as JSON.

import type { UNet2DModel } from "../models/unet_2d_model.ts";
import { metricsToJson } from "../training/metrics_log.ts";
import { Trainer, type TrainProgress } from "../training/trainer.ts";
import { checking, EXIT, Interrupted } from "./errors.ts";
import { onInterrupt } from "./interrupt.ts";
import { createOutput, type Output } from "./output.ts";
import { bar, bytes, duration } from "./progress.ts";
import { openSource } from "./sources.ts";
import { type TrainFlags, trainPlan } from "./train_plan.ts";

const ACTIVITIES = { samples: "[drawing samples]", checkpoint: "[saving]" };

export async function train(flags: TrainFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const ready = await checking(() => prepare(flags, output));
  const { trainer, out } = ready;
  if (trainer.finished) {
    output.event({ event: "finished", step: trainer.settings.steps, out });
    output.line(
      `${out} is finished: all ${trainer.settings.steps} steps are done. Draw from it: imago sample ${out}`,
    );
    return;
  }
  output.clear();
  announce(ready, output);
  const release = onInterrupt(() => {
    output.line("stopping after this step; a checkpoint is written (Ctrl-C again ends at once)");
    trainer.stop();
  });
  let last: TrainProgress | undefined;
  try {
    for await (const progress of trainer.run()) {
      report(progress, output);
      last = progress;
    }
  } finally {
    release();
    output.end();
  }
  const step = last?.step ?? trainer.startStep;
  if (trainer.stopped && step < trainer.settings.steps) {
    output.event({ event: "interrupted", step, out });
    throw new Interrupted(`stopped after step ${step}; go on with: imago train --out ${out} --resume`);
  }
  conclude(trainer, step, out, output);
}

interface Ready {
  readonly trainer: Trainer;
  readonly model: UNet2DModel;
  readonly source: string;
  readonly images: number;
  readonly out: string;
}

/** Everything before the first step: what is wrong here is wrong with the command. */
async function prepare(flags: TrainFlags, output: Output): Promise<Ready> {
  const plan = await trainPlan(flags);
  const { model, scheduler, data: dataPlan, options } = plan;
  if (!options.resume) await plan.folder.checkFree();
  const data = await openSource(dataPlan.source, { ...dataPlan, flip: options.flip }, output);
  const trainer = new Trainer({
    ...options,
    model,
    scheduler,
    data,
    source: dataPlan.source,
    skipBroken: dataPlan.skipBroken,
    onStage: (stage) =>
      stage === "compile"
        ? output.status("compiling the training step", { force: true })
        : output.activity(ACTIVITIES[stage]),
  });
  await trainer.prepare();
  return { trainer, model, source: dataPlan.source, images: data.count, out: options.out };
}

function announce({ trainer, model, source, images, out }: Ready, output: Output): void {
  const { settings, startStep, arenaBytes } = trainer;
  output.event({
    event: "start",
    out,
    step: startStep,
    steps: settings.steps,
    images,
    parameters: model.parameterCount,
    batch_size: settings.batchSize,
    arena_bytes: arenaBytes,
  });
  const parameters = `${(model.parameterCount / 1e6).toFixed(1)} M parameters`;
  output.line(
    `training ${parameters} on ${images} images (${source}), batch ${settings.batchSize}, ${settings.steps} steps; ${bytes(arenaBytes)} of working memory; into ${out}`,
  );
  if (startStep > 0) output.line(`going on after step ${startStep}`);
}

function report(progress: TrainProgress, output: Output): void {
  const { step, steps, epoch, epochs, loss, imagesPerSecond, secondsLeft, epochLoss, samples, checkpoint } =
    progress;
  output.event({ event: "step", ...metricsToJson(progress), seconds_left: Math.round(secondsLeft) });
  if (samples !== undefined) {
    output.event({ event: "samples", step, file: samples });
    output.line(`step ${step}: samples in ${samples}`);
  }
  if (checkpoint !== undefined) output.event({ event: "checkpoint", step, folder: checkpoint });
  if (epochLoss !== undefined) {
    output.event({ event: "epoch", epoch, loss: epochLoss });
    output.line(`epoch ${epoch}: mean loss ${epochLoss.toFixed(4)}`);
  }
  output.status(
    `${bar(step / steps)} step ${step}/${steps}  epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  ${imagesPerSecond.toFixed(1)} images/s  ${duration(secondsLeft)} left`,
    { force: step === steps },
  );
}

function conclude({ folder }: Trainer, step: number, out: string, output: Output): void {
  const { finalSamples, pipeline } = folder;
  output.event({ event: "done", code: EXIT.done, step, samples: finalSamples, pipeline });
  output.line(`done. samples: ${finalSamples}   model: ${pipeline}`);
  output.line(`draw more: imago sample ${out} --count 16 --seed 1 --film film.png`);
}
