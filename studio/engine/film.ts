// The film of one picture, out of the frames of a drawing.

import type { Frame } from "./drawing.ts";
import type { Pictures } from "./messages.ts";

/** How long a frame is shown, and the last one (milliseconds). */
export const FRAME_MS = 90;
export const LAST_MS = 1200;

/** One picture through the steps; beside it, where it is known, what the model took for the clean one. */
export function filmOf(frames: readonly Frame[], index: number): Pictures {
  const [{ pictures, clean }] = frames;
  const { width, height } = pictures;
  const wide = clean === undefined ? width : 2 * width;
  const rgba = new Uint8ClampedArray(4 * wide * height * frames.length);
  const place = (source: Pictures, frame: number, left: number): void => {
    for (let y = 0; y < height; y++) {
      const start = 4 * width * (height * index + y);
      rgba.set(source.rgba.subarray(start, start + 4 * width), 4 * (wide * (height * frame + y) + left));
    }
  };
  for (const [i, frame] of frames.entries()) {
    place(frame.pictures, i, 0);
    if (frame.clean !== undefined) place(frame.clean, i, width);
  }
  return { width: wide, height, count: frames.length, rgba };
}

/** @param holdsLast whether the last frame stays for a while, as of a film; a walk goes round */
export const delaysOf = ({ count }: Pictures, holdsLast: boolean): number[] =>
  Array.from({ length: count }, (_, i) => (holdsLast && i === count - 1 ? LAST_MS : FRAME_MS));
