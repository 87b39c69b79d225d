// Which axes of an array are images, rows, columns and channels.
import { type Channels, isChannels, PIXEL_LIMIT } from "../../io/image/index.ts";

/** Steps are in elements, from one index of an axis to the next. */
export interface ArrayLayout {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: Channels;
  readonly imageStep: number;
  readonly rowStep: number;
  readonly columnStep: number;
  readonly channelStep: number;
  /** Whether the shape can be read in two ways; channels last were chosen. */
  readonly isAmbiguous: boolean;
}

/** The shapes of arrays of images, in words. */
export const SHAPES = "[N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels, or [N, H, W]";

/** More images than any array in use has: their numbers and sizes are kept in memory. */
const MAX_IMAGES = 2 ** 26;

export const shown = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/**
 * @param fortranOrder whether the first index varies fastest
 * @returns the layout; or, in words, why the array is none of images
 */
export function arrayLayout(shape: readonly number[], fortranOrder: boolean): ArrayLayout | string {
  const wrong = `its shape ${shown(shape)} is not that of images`;
  if (shape.some((size) => size === 0)) return `${wrong}: it is empty`;
  const [count, , , last] = shape;
  const steps = stepsOf(shape, fortranOrder);
  if (count > MAX_IMAGES) return `${wrong}: at most ${MAX_IMAGES} are read`;
  if (shape.length === 3 && isChannels(shape[2])) {
    return `${wrong}, but of one image; give ${SHAPES}, such as array[None]`;
  }
  const isLast = shape.length === 4 && isChannels(last);
  const isFirst = shape.length === 4 && isChannels(shape[1]);
  if (shape.length !== 3 && !isLast && !isFirst) return `${wrong}; give ${SHAPES}`;
  const [row, column, channel] = shape.length === 3 ? [1, 2] : isLast ? [1, 2, 3] : [2, 3, 1];
  const channels = channel === undefined ? 1 : shape[channel];
  const [height, width] = [shape[row], shape[column]];
  if (!isChannels(channels)) return `${wrong}; give ${SHAPES}`;
  if (height * width > PIXEL_LIMIT) return `${wrong}: at most ${PIXEL_LIMIT} pixels are read`;
  return {
    count,
    height,
    width,
    channels,
    imageStep: steps[0],
    rowStep: steps[row],
    columnStep: steps[column],
    channelStep: channel === undefined ? 0 : steps[channel],
    isAmbiguous: isLast && isFirst,
  };
}

function stepsOf(shape: readonly number[], fortranOrder: boolean): number[] {
  const steps = new Array<number>(shape.length);
  const axes = [...shape.keys()];
  let step = 1;
  for (const axis of fortranOrder ? axes : axes.reverse()) {
    steps[axis] = step;
    step *= shape[axis];
  }
  return steps;
}
