// The files that imago sample writes: the sheet or the walk, single images, and films.

import { join } from "node:path";
import {
  type GridOptions,
  gridLayout,
  imageGrid,
  PIXEL_LIMIT,
  type Pixels,
  writeAnimation,
  writeImage,
} from "../../io/image/index.ts";
import { classColumns } from "../../pipelines/class_grid.ts";
import { UsageError } from "../errors.ts";
import { checkOutputFile, checkOutputFolder } from "../files.ts";
import { flagOf } from "../wording.ts";
import type { Film } from "./film.ts";
import type { SampleFlags } from "./flags.ts";
import type { SamplePlan, Shown } from "./sample_plan.ts";

/** Largest number of frames in a strip. */
export const STRIP_FRAMES = 10;

/** The films of a call. */
export interface Films {
  readonly animation: Film | undefined;
  readonly strip: Film | undefined;
}

/**
 * Checks the names of the files.
 * @throws UsageError for two equal ones, and for files that are there already or cannot be written
 */
export async function checkFiles({ out, film, filmStrip, each, force = false }: SampleFlags): Promise<void> {
  const files = Object.entries({ out, film, filmStrip });
  for (const [i, [name, file]] of files.entries()) {
    if (file === undefined) continue;
    await checkOutputFile(flagOf(name), file, force);
    const [same] = files.slice(0, i).find(([, other]) => other === file) ?? [];
    if (same !== undefined) {
      throw new UsageError(`${flagOf(name)} and ${flagOf(same)} name the same file; choose two`);
    }
  }
  if (each !== undefined) await checkOutputFolder("--each", each, force);
}

/**
 * Checks the sizes of the animations, before anything is drawn for them.
 * @throws UsageError for animations of too many pixels, and captions of classes or prompts without any
 */
export function checkPictures(
  flags: SampleFlags,
  { imageSize: image, ...shown }: Pick<SamplePlan, "imageSize" | keyof Shown>,
): void {
  if (flags.captions === "class" && shown.classes === undefined) {
    throw new UsageError("--captions class: the images are of no class; choose seed or index");
  }
  if (flags.captions === "prompt" && shown.prompts === undefined) {
    throw new UsageError("--captions prompt: the images are of no prompt; choose seed or index");
  }
  if (flags.walk !== undefined) {
    const frames = flags.walk.length * flags.walkFrames;
    checkAnimation("--walk", frames, gridLayout(flags.count, image, sheetOptions(flags, shown)));
  }
  if (flags.film !== undefined) {
    checkAnimation("--film", flags.filmFrames, gridLayout(2, image, { columns: 2 }));
  }
}

function checkAnimation(
  option: string,
  frames: number,
  { width, height }: Pick<Pixels, "width" | "height">,
): void {
  if (frames * width * height <= PIXEL_LIMIT) return;
  throw new UsageError(
    `${option}: ${frames} frames of ${width} x ${height} are too large for one file (over ${PIXEL_LIMIT} pixels); choose fewer frames or images`,
  );
}

/**
 * Writes all files.
 * @param images of a walk, all of the first frame, then all of the next one
 */
export async function writePictures(
  images: readonly Pixels[],
  flags: SampleFlags,
  shown: Shown,
  { animation, strip }: Films,
): Promise<void> {
  const { out, walk, count, each, film, filmStrip } = flags;
  const options = sheetOptions(flags, shown);
  if (walk === undefined) await writeImage(out, imageGrid(images, options));
  else {
    const frames = Array.from({ length: images.length / count }, (_, i) =>
      imageGrid(images.slice(i * count, (i + 1) * count), options),
    );
    await writeAnimation(out, frames, { lossless: isEnlarged(images[0]) });
  }
  if (each !== undefined) {
    const digits = Math.max(4, String(images.length - 1).length);
    for (const [k, image] of images.entries()) {
      await writeImage(join(each, `${String(k).padStart(digits, "0")}.png`), image);
    }
  }
  if (animation !== undefined && film !== undefined) {
    const { frames, delay } = await animation.animation();
    await writeAnimation(film, frames, { delay, lossless: isEnlarged(images[0]) });
  }
  if (strip !== undefined && filmStrip !== undefined) await writeImage(filmStrip, await strip.strip());
}

/** Whether pixels become squares, whose edges should stay sharp. */
const isEnlarged = (image: Pixels): boolean => gridLayout(1, image).scale > 1;

/** The layout of `count` images. */
function sheetOptions(
  { count, seed, margin, captions }: SampleFlags,
  { classes, prompts }: Shown,
): GridOptions {
  const textOf =
    (texts: readonly string[] = []) =>
    (k: number) =>
      texts[k % texts.length] ?? "";
  const captionOf = {
    none: undefined,
    index: (k: number) => String(k),
    seed: (k: number) => `${seed} #${k}`,
    class: textOf(classes),
    prompt: textOf(prompts),
  }[captions];
  return {
    columns: classColumns(count, (classes ?? prompts)?.length ?? 1),
    ...(margin !== undefined && { margin }),
    ...(captionOf && { captions: Array.from({ length: count }, (_, k) => captionOf(k)) }),
  };
}
