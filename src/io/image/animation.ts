// Images in turn as one animated file: WebP, GIF or PNG.

import { files, images, paths } from "#platform";
import { FileError } from "../../platform/errors.ts";
import type { Permit } from "../../platform/platform.ts";
import { apng } from "./apng.ts";
import { checkPixels, isSameKind, kindOf, type Pixels } from "./pixels.ts";

/** The formats of animations. Browsers write only PNG. */
export const ANIMATED_FORMATS = ["webp", "gif", "png"] as const;
/** A format of animations. @useDeclaredType */
export type AnimatedFormat = (typeof ANIMATED_FORMATS)[number];

/** How an animation runs; it repeats for ever. */
export interface AnimationOptions {
  /** How long each frame is shown, or all of them are (milliseconds, 20 to 65,535); GIF rounds to 10. Default 80. */
  readonly delay?: number | readonly number[];
  /** WebP: keeps every pixel, as PNG does. Smaller for enlarged pixels, larger for photographs. Default false. */
  readonly lossless?: boolean;
}

const DELAY = 80;
/** Browsers show frames of less than 20 ms for 100 ms. PNG counts up to 16 bits. */
const SHORTEST = 20;
const LONGEST = 65_535;

/** The format that a file's extension names; undefined for others. */
export function animatedFormat(file: string): AnimatedFormat | undefined {
  const extension = paths.extname(file).toLowerCase();
  return ANIMATED_FORMATS.find((format) => `.${format}` === extension);
}

/**
 * The bytes of an animated file. Where a PNG is not animated, its longest frame is shown, of equal ones the first.
 * @param frames of one size
 * @throws RangeError if there is no frame, sizes differ, or a delay is out of range
 */
export async function encodeAnimation(
  frames: readonly Pixels[],
  format: AnimatedFormat,
  { delay = DELAY, lossless = false }: AnimationOptions = {},
): Promise<Uint8Array> {
  const delays = typeof delay === "number" ? frames.map(() => delay) : delay;
  checkFrames(frames, delays);
  const [{ width, height, channels }] = frames;
  if (format !== "png") {
    const length = frames[0].data.length;
    const data = new Uint8Array(frames.length * length);
    for (const [i, frame] of frames.entries()) data.set(frame.data, i * length);
    const kind = format === "webp" && lossless ? "webp lossless" : format;
    return images.encodeAnimation({ data, width, height: height * frames.length, channels }, delays, kind);
  }
  const encoded: { png: Uint8Array; delay: number }[] = [];
  for (const [i, frame] of frames.entries()) {
    encoded.push({ png: await images.encode(frame, "png"), delay: delays[i] });
  }
  return apng(encoded, delays.indexOf(Math.max(...delays)));
}

/**
 * Writes an animation in the format of the file's extension: .webp, .gif or .png. The file appears complete or not at
 * all; missing folders are created.
 * @throws FileError for another extension, or when the file cannot be written; RangeError as `encodeAnimation`
 */
export async function writeAnimation(
  file: string,
  frames: readonly Pixels[],
  options: AnimationOptions = {},
  permit?: Permit,
): Promise<void> {
  const format = animatedFormat(file);
  if (format === undefined) {
    const problem = `"${paths.extname(file)}" is not a format of animations; end the name in .webp, .gif or .png`;
    throw new FileError(file, problem);
  }
  await files.writeFileAtomic(file, await encodeAnimation(frames, format, options), permit);
}

function checkFrames(frames: readonly Pixels[], delays: readonly number[]): void {
  const [first] = frames;
  if (first === undefined) throw new RangeError("animation: no frame was given; give at least one");
  for (const [i, frame] of frames.entries()) {
    checkPixels(frame);
    if (isSameKind(frame, first)) continue;
    throw new RangeError(
      `animation: frame ${i} is ${kindOf(frame)}, the first is ${kindOf(first)}; give one size`,
    );
  }
  if (delays.length !== frames.length) {
    throw new RangeError(`animation: ${delays.length} delays for ${frames.length} frames; give one for each`);
  }
  const wrong = delays.find((delay) => !Number.isInteger(delay) || delay < SHORTEST || delay > LONGEST);
  if (wrong === undefined) return;
  throw new RangeError(
    `animation: a delay is ${wrong}; give whole milliseconds from ${SHORTEST} to ${LONGEST}`,
  );
}
