// imago data: shows a source of images as training would see it, and the disk cache of decoded images.

import {
  BatchSampler,
  clearImageCache,
  fillBatch,
  type ImageSource,
  imageCacheFolder,
  listImageCache,
} from "../../data/index.ts";
import { imageGrid, type Pixels, toUint8, writeImage } from "../../io/image/index.ts";
import { type AugmentFlags, augmentFlags } from "../augment_flags.ts";
import { checking, UsageError } from "../errors.ts";
import { checkOutputFile } from "../files.ts";
import { createOutput } from "../output.ts";
import { DEFAULT_SIZE, type FormFlags, formOf } from "../source_flags.ts";
import { openAny, openSource, type SourceOptions } from "../sources.ts";
import { bytes, counted, imagoCommand } from "../wording.ts";
import { dataReport } from "./report.ts";

/** Below this number of images, the search for near-duplicates shows no status. */
const MANY = 5000;

export interface DataInfoFlags extends FormFlags {
  readonly split?: string;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  readonly skipBroken?: boolean;
  readonly json?: boolean;
}

export interface DataPreviewFlags extends DataInfoFlags, AugmentFlags {
  readonly count: number;
  readonly seed: number;
  readonly out: string;
  readonly force?: boolean;
}

export interface DataCacheFlags {
  readonly clear?: boolean;
  readonly json?: boolean;
}

/** Reports everything, including broken files; then fails as training would, unless these are skipped. */
export async function dataInfo(source: string, flags: DataInfoFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const opened = await checking(() => openAny(source, { ...sourceOptions(flags), skipBroken: true }, output));
  const { images, local } = opened;
  const report = await dataReport(source, opened, (share) => {
    if (images.count < MANY) return;
    output.status({ share, parts: ["looking for near-duplicates"] });
  });
  output.clear();
  output.event(report.json);
  for (const line of report.lines) output.line(line);
  const isLeftOut = local !== undefined && local.broken.length > 0;
  if (!isLeftOut || flags.skipBroken === true) {
    for (const warning of local?.warnings ?? []) output.warn(warning);
    return;
  }
  const [first] = local.broken;
  throw new UsageError(
    `${source}: ${counted(local.broken.length, "file")} cannot be read as images, the first ${JSON.stringify(first?.file)} (${first?.problem}); repair or remove them, or leave them out with --skip-broken`,
  );
}

export async function dataPreview(source: string, flags: DataPreviewFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  await checking(() => checkOutputFile("--out", flags.out, flags.force === true));
  const images = await checking(() => openSource(source, sourceOptions(flags), output));
  output.clear();
  const indices = previewed(images, flags.count);
  await writeImage(flags.out, imageGrid(inFirstEpoch(images, indices, flags)));
  const shown = indices.length;
  output.event({ event: "preview", source, count: images.count, shown, file: flags.out });
  output.line(`${shown} of ${counted(images.count, "image")}: ${flags.out}`);
}

/** Lists or removes the decoded images on disk. */
export async function dataCache(flags: DataCacheFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const folder = imageCacheFolder();
  const entries = flags.clear === true ? await clearImageCache() : await listImageCache();
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const listed = entries.map(({ name, path, bytes, isComplete }) => ({
    name,
    path,
    bytes,
    complete: isComplete,
  }));
  output.event({ event: flags.clear === true ? "cleared" : "cache", folder, bytes: total, entries: listed });
  if (flags.clear === true) {
    output.line(`${folder}: removed ${counted(entries.length, "data set")} of ${bytes(total)}`);
    return;
  }
  output.line(`${folder}: ${counted(entries.length, "data set")}, ${bytes(total)}`);
  for (const entry of entries)
    output.line(`  ${entry.name}  ${bytes(entry.bytes)}${entry.isComplete ? "" : " (unfinished)"}`);
  if (entries.length > 0) output.line(`${imagoCommand("data", "cache", "--clear")} removes them`);
}

function sourceOptions(flags: DataInfoFlags): SourceOptions {
  const { size = DEFAULT_SIZE, split, imageColumn, labelColumn, skipBroken } = flags;
  return {
    size,
    ...formOf(flags),
    flip: false,
    skipBroken: skipBroken === true,
    ...(split !== undefined && { split }),
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  };
}

/** Evenly spaced over the whole set, so that a folder sorted by kind shows every kind. */
function previewed({ count }: ImageSource, asked: number): number[] {
  const shown = Math.min(asked, count);
  return Array.from({ length: shown }, (_, i) => Math.floor((i * count) / shown));
}

/** Images as in the first epoch of training with the same seed and options. */
function inFirstEpoch(
  images: ImageSource,
  indices: readonly number[],
  { seed, flip = false, ...flags }: DataPreviewFlags,
): Pixels[] {
  const { count, channels, size } = images;
  const sampler = new BatchSampler({ count, batchSize: 1, seed, flip, augment: augmentFlags(flags) });
  return indices.flatMap((index) => {
    const values = fillBatch(images, sampler.inEpoch(0, [index]));
    return toUint8(values, [1, size.height, size.width, channels]);
  });
}
