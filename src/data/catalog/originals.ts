// What the originals of a data set are like: their sizes and formats, and how many images each class has.

import type { ImageSource } from "../image_source.ts";
import type { Originals } from "../local/decoded_set.ts";

/** A size in pixels. */
export type OriginalSize = readonly [width: number, height: number];

/** The sizes and formats of the original files. */
export interface OriginalsSummary {
  /** Of the fewest pixels. */
  readonly smallest: OriginalSize;
  /** The one in the middle, by number of pixels. */
  readonly median: OriginalSize;
  /** Of the most pixels. */
  readonly largest: OriginalSize;
  /** The most frequent size, and how many have it. */
  readonly usual: { readonly size: OriginalSize; readonly count: number };
  /** Number of images per format and channel count, the most frequent first. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** Sums up the originals of at least one image. */
export function summarizeOriginals({ widths, heights, kinds }: Originals): OriginalsSummary {
  const pixels = (index: number): number => (widths[index] ?? 0) * (heights[index] ?? 0);
  const sizeOf = (index: number): OriginalSize => [widths[index] ?? 0, heights[index] ?? 0];
  const order = Uint32Array.from(widths, (_, index) => index).sort((a, b) => pixels(a) - pixels(b) || a - b);
  const sizeAt = (place: number): OriginalSize => sizeOf(order[place] ?? 0);
  const ofSizes = counted(order, (index) => sizeOf(index).join(" x "));
  const [usual = ["", 0] as const] = ofSizes;
  const anyUsual = order.find((index) => sizeOf(index).join(" x ") === usual[0]) ?? 0;
  return {
    smallest: sizeAt(0),
    median: sizeAt(Math.floor((order.length - 1) / 2)),
    largest: sizeAt(order.length - 1),
    usual: { size: sizeOf(anyUsual), count: usual[1] },
    kinds: Object.fromEntries(counted(kinds, (kind) => kind)),
  };
}

/** How often each key occurs, the most frequent first. */
function counted<T>(values: Iterable<T>, keyOf: (value: T) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (const value of values) {
    const key = keyOf(value);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** The number of images of each class, in the order of the classes; undefined for images without labels. */
export function countLabels({ labels }: Pick<ImageSource, "labels">): Map<string, number> | undefined {
  if (labels === undefined) return undefined;
  const counts = new Map(labels.names.map((name) => [name, 0]));
  for (const of of labels.of) {
    const name = labels.names[of] ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
