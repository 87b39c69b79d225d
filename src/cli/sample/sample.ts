// imago sample: draws images with a trained model.

import { shareOfCount, sumOf } from "../../distributed/collective.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { singleProcess } from "../../distributed/single.ts";
import { callsInWords, DrawingProgress, shareOfWork, type Watch } from "../drawing_progress.ts";
import { checking, Interrupted } from "../errors.ts";
import { onInterrupt } from "../interrupt.ts";
import { firstOnEachMachine, outputOf, together } from "../team.ts";
import { counted, duration } from "../wording.ts";
import { Film, type FilmStep } from "./film.ts";
import { type GivenFlags, type SampleFlags, withDefaults } from "./flags.ts";
import { STRIP_FRAMES, writePictures } from "./pictures.ts";
import { planSample } from "./plan.ts";
import type { SampleMeans, SamplePlan } from "./sample_plan.ts";

export async function sample(source: string, given: GivenFlags): Promise<void> {
  const flags = withDefaults(given);
  await together(flags, (communicator = singleProcess()) => sampleWith(communicator, source, flags));
}

async function sampleWith(communicator: Communicator, source: string, flags: SampleFlags): Promise<void> {
  const output = outputOf(communicator, flags.json);
  const { walk, walkFrames, seed, seedCompat } = flags;
  const interrupt = new AbortController();
  let stopped = "stopped; what was downloaded is kept, the same command goes on with it";
  const release = onInterrupt(() => interrupt.abort(new Interrupted(stopped)));
  const plan = await firstOnEachMachine(communicator, () =>
    ready(source, flags, { communicator, output, signal: interrupt.signal }),
  ).catch((error: unknown) => {
    release();
    throw error;
  });
  stopped = "stopped; no image was written";
  const { count, scheduler, steps, isAdaptive } = plan;
  const film = {
    animation: flags.film === undefined ? undefined : new Film(flags.filmFrames, plan.decode),
    strip: flags.filmStrip === undefined ? undefined : new Film(STRIP_FRAMES, plan.decode),
  };
  const addToFilms = (step: FilmStep) => {
    film.animation?.add(step);
    film.strip?.add(step);
  };
  const started = performance.now();
  const progress = new DrawingProgress(count, output, shareOfCount(count, communicator).count);
  const watch: Watch = {
    onStep(step) {
      const share = shareOfWork(step.step / step.steps, step.phase);
      if (step.firstImage === 0) addToFilms({ ...step, share });
      progress.onStep(step);
    },
    onImageStep(step) {
      if (step.image === 0) addToFilms(step);
      progress.onImageStep(step);
    },
  };
  try {
    output.begin("compiling the model");
    const images = await plan.draw(watch, interrupt.signal);
    const calls = await sumOf(communicator, progress.modelCalls);
    if (images === undefined) return;
    output.clear();
    await writePictures(images, flags, plan, film);
    const elapsed = (performance.now() - started) / 1000;
    output.event({
      event: "done",
      out: flags.out,
      count,
      ...(steps !== undefined && { steps }),
      scheduler,
      ...(walk && { walk, frames: walk.length * walkFrames }),
      ...plan.report(),
      ...(!walk && { seed }),
      ...(seedCompat && { seed_compat: seedCompat }),
      ...(isAdaptive && {
        model_calls: calls.reduce((sum, ofImage) => sum + ofImage, 0),
        model_calls_per_image: calls,
      }),
      seconds: Number(elapsed.toFixed(3)),
      images_per_second: Number((count / elapsed).toFixed(3)),
    });
    const called = isAdaptive ? `, ${callsInWords(calls)}` : "";
    const drawn = walk ? counted(walk.length * walkFrames, "frame") : counted(count, "image");
    output.line(`${drawn} in ${duration(elapsed)}${called}: ${flags.out}`);
    for (const remark of plan.remarks) output.line(remark);
    if (flags.each !== undefined) output.line(`one by one: ${flags.each}`);
    for (const file of [flags.film, flags.filmStrip]) {
      if (file !== undefined) output.line(`how the first came out of the noise: ${file}`);
    }
  } finally {
    release();
    output.end();
    await plan.close();
  }
}

/** Makes the plan, after downloads. */
async function ready(source: string, flags: SampleFlags, means: SampleMeans): Promise<SamplePlan> {
  try {
    return await checking(() => planSample(source, flags, means));
  } finally {
    means.output.clear();
  }
}
