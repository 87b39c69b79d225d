// --init of imago train: reads the initial model, and reports on it.

import type { InitModel } from "../../training/run/init_source.ts";
import { readInitModel } from "../../training/run/init_source.ts";
import type { InitRecord } from "../../training/run/initial_weights.ts";
import { answerOf, type TrainScheduler, trainSchedulerOf } from "../../training/step/objective.ts";
import { downloadStatus } from "../download_status.ts";
import { checkModelSource } from "../model_source.ts";
import type { Output } from "../output.ts";
import { interruptible } from "../sources.ts";
import { CLASSES_TOLD, counted, someOf } from "../wording.ts";

/** Largest number of tensor names in a line. */
const TENSORS_TOLD = 4;

/** Reads the model of --init. @throws UsageError, Interrupted; errors of reading a model */
export async function readInit(source: string, output: Output): Promise<InitModel> {
  await checkModelSource(source);
  try {
    return await interruptible(source, (signal) =>
      readInitModel(source, {
        warn: output.warn,
        onDownload: (progress) => output.status(downloadStatus(source, progress)),
        signal,
      }),
    );
  } finally {
    output.clear();
  }
}

/** Warns that a new prediction type loses part of what the model learnt. */
export function warnOfPrediction({ from, scheduler }: InitModel, now: TrainScheduler, output: Output): void {
  const [was, is] = [trainSchedulerOf(scheduler), now].map(answerOf);
  if (was === is) return;
  output.warn(
    `${from.source} learnt to answer ${was} and is now asked for ${is}: its answers mean something else at first, and the first steps unlearn that`,
  );
}

/** Reports which of a source's weights were kept, and which were drawn. */
export function tellInit(init: InitRecord, output: Output): void {
  const { source, weights, step, kept, drawn, classes, leftOut = [], fingerprint } = init;
  output.event({
    event: "init",
    ...{ source, weights, step, kept, drawn, classes },
    ...(leftOut.length > 0 && { left_out: leftOut }),
    fingerprint,
  });
  const which = [
    ...(weights === "average" ? ["average"] : weights === "last" ? ["no average"] : []),
    ...(step === undefined ? [] : [`step ${step}`]),
  ];
  const of = which.length === 0 ? "" : ` (${which.join(", ")})`;
  const anew = drawn.length === 0 ? "" : `; drawn anew: ${someOf(drawn, TENSORS_TOLD)}`;
  const all = kept + drawn.length;
  output.line(`init: ${kept} of ${counted(all, "tensor")} from ${source ?? "the program"}${of}${anew}`);
  if (classes !== undefined && classes.kept.length > 0) {
    const fresh =
      classes.drawn.length === 0
        ? ""
        : `; ${counted(classes.drawn.length, "new class")}: ${someOf(classes.drawn, CLASSES_TOLD)}`;
    output.line(
      `${counted(classes.kept.length, "class")} known from there: ${someOf(classes.kept, CLASSES_TOLD)}${fresh}`,
    );
  }
  if (leftOut.length > 0) {
    output.line(
      `left out: ${someOf(leftOut, TENSORS_TOLD)}; the model begins as it draws without a class (--class-conditional learns classes)`,
    );
  }
}
