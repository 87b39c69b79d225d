// The report of imago data info: as JSON, and as lines for people.

import { countLabels, type OriginalsSummary, summarizeOriginals } from "../../data/catalog/originals.ts";
import {
  type ImageSource,
  JUDGED_BY,
  type LocalImages,
  type NearDuplicates,
  nearDuplicates,
} from "../../data/index.ts";
import { sizeOf } from "../../data/local/form.ts";
import * as exact from "../../engine/math/index.ts";
import type { Event } from "../output.ts";
import type { OpenedSource } from "../sources.ts";
import { counted } from "../wording.ts";

/** Largest numbers of labels, files and pairs in the lines; JSON has all labels, and more of the others. */
const SHOWN_LABELS = 12;
const SHOWN_FILES = 5;
const LISTED = 1000;

export interface DataReport {
  readonly json: Event;
  readonly lines: readonly string[];
}

/** Examines all images. @param onProgress called now and then, with a share from 0 to 1 */
export async function dataReport(
  source: string,
  { images, local }: OpenedSource,
  onProgress: (share: number) => void,
): Promise<DataReport> {
  const { count, channels, size } = images;
  const { mean, deviation } = statistics(images);
  const near = await nearDuplicates(images, { onProgress });
  const labels = countLabels(images);
  const nameOf = (index: number): string => local?.fileOf(index) ?? `image ${index}`;
  const originals = local && summarizeOriginals(local.originals);
  return {
    json: {
      event: "data",
      source,
      count,
      size: sizeOf(size),
      channels,
      mean,
      deviation,
      ...(originals !== undefined && { originals }),
      ...(labels !== undefined && { labels: Object.fromEntries(labels) }),
      ...(local !== undefined && {
        broken: local.broken.slice(0, LISTED),
        broken_count: local.broken.length,
      }),
      near_duplicates: {
        judged_by: JUDGED_BY,
        pairs: near.pairs.length,
        complete: near.isComplete,
        examples: near.pairs
          .slice(0, LISTED)
          .map(({ first, second, distance }) => [nameOf(first), nameOf(second), distance]),
      },
      ...(local?.cache !== undefined && { cache: local.cache.folder }),
      fingerprint: images.fingerprint(),
    },
    lines: [
      `${source}: ${counted(count, "image")}, read as ${size.width} x ${size.height} pixels of ${counted(channels, "channel")}`,
      ...(originals === undefined ? [] : originalLines(originals)),
      ...labelLines(labels),
      ...(local === undefined ? [] : brokenLines(local)),
      ...nearLines(near, nameOf),
      `mean of each channel (0 to 1): ${list(mean)}; standard deviation: ${list(deviation)}`,
      ...(local?.cache === undefined ? [] : [`decoded images: ${local.cache.folder}`]),
      `fingerprint: ${images.fingerprint()}`,
    ],
  };
}

const list = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(", ");

/** Mean and standard deviation of each channel over all images, 0 to 1. */
function statistics(images: ImageSource): { mean: number[]; deviation: number[] } {
  const { count, channels } = images;
  // Histogram of each channel: with whole numbers the sums are exact.
  const counts = Array.from({ length: channels }, () => new Float64Array(256));
  for (let index = 0; index < count; index++) {
    const pixels = images.image(index);
    for (const [c, of] of counts.entries()) {
      for (let i = c; i < pixels.length; i += channels) {
        const value = pixels[i] ?? 0;
        of[value] = (of[value] ?? 0) + 1;
      }
    }
  }
  const total = count * images.size.height * images.size.width;
  const moment = (of: Float64Array, power: number) =>
    of.reduce((sum, times, value) => sum + times * exact.pow(value / 255, power), 0) / total;
  const mean = counts.map((of) => moment(of, 1));
  const deviation = counts.map((of, c) => Math.sqrt(Math.max(0, moment(of, 2) - exact.square(mean[c] ?? 0))));
  return { mean, deviation };
}

function originalLines({ smallest, median, largest, usual, kinds }: OriginalsSummary): string[] {
  const size = ([width, height]: readonly [number, number]) => `${width} x ${height}`;
  const formats = Object.entries(kinds).map(([kind, count]) => `${kind}: ${count.toLocaleString("en-US")}`);
  return [
    `originals: smallest ${size(smallest)}, median ${size(median)}, largest ${size(largest)} pixels; most often ${size(usual.size)} (${counted(usual.count, "image")})`,
    `formats: ${formats.join("; ")}`,
  ];
}

function labelLines(counts: Map<string, number> | undefined): string[] {
  if (counts === undefined) return ["labels: none"];
  const shown = [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN_LABELS)
    .map(([name, count]) => `${name} ${count.toLocaleString("en-US")}`);
  const more = counts.size > SHOWN_LABELS ? `, and ${counts.size - SHOWN_LABELS} more` : "";
  return [
    `labels: ${counts.size === 1 ? "1 class" : `${counts.size.toLocaleString("en-US")} classes`}: ${shown.join(", ")}${more}`,
  ];
}

function brokenLines({ broken }: LocalImages): string[] {
  if (broken.length === 0) return ["broken files: none"];
  const shown = broken.slice(0, SHOWN_FILES).map(({ file, problem }) => `  ${file} (${problem})`);
  return [`broken files: ${broken.length}`, ...shown, ...andMore(broken.length)];
}

function nearLines({ pairs, isComplete }: NearDuplicates, nameOf: (index: number) => string): string[] {
  if (pairs.length === 0) return [`near-duplicates: none (${JUDGED_BY})`];
  const shown = pairs
    .slice(0, SHOWN_FILES)
    .map(({ first, second, distance }) => `  ${nameOf(first)}  ${nameOf(second)}  (${distance} bits apart)`);
  const many = isComplete ? counted(pairs.length, "pair") : `more than ${counted(pairs.length, "pair")}`;
  return [`near-duplicates: ${many} (${JUDGED_BY})`, ...shown, ...andMore(pairs.length)];
}

const andMore = (count: number): string[] =>
  count > SHOWN_FILES
    ? [`  and ${(count - SHOWN_FILES).toLocaleString("en-US")} more (--json lists them)`]
    : [];
