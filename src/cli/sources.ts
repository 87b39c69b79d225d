// Opens the source of --data: the embedded butterflies, or images on this machine in any supported form.

import {
  type ImageSource,
  type LocalImages,
  type OpenImagesOptions,
  openImageFiles,
  openImages,
  type SourceSelection,
  synthetic,
} from "../data/index.ts";
import { FORMATS } from "../data/local/kinds.ts";
import { isHubName } from "../io/hub/index.ts";
import type { Extent } from "../io/image/index.ts";
import { Interrupted, UsageError } from "./errors.ts";
import { fetchHubSource } from "./hub_source.ts";
import { onInterrupt } from "./interrupt.ts";
import type { Output } from "./output.ts";
import { type FormFlags, formOf } from "./source_flags.ts";
import { bytes, imagoCommand } from "./wording.ts";

export const SYNTHETIC = "synthetic";
/** The supported sources, for --help. */
export const SOURCES = `synthetic (1,000 drawn butterflies), hf:OWNER/NAME, ${FORMATS}`;
/** Reading for less than this shows no status (milliseconds). */
const QUIET_MS = 500;

export interface SourceOptions extends SourceSelection, Omit<FormFlags, "size"> {
  readonly size: Extent;
  readonly flip: boolean;
  /** Leaves out unreadable images, with a warning that names them. */
  readonly skipBroken: boolean;
  /** Cancels the reading, in place of Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Images that are decoded at once; see `LocalOptions`. */
  readonly concurrency?: number;
}

/** Who is told of the reading. */
export type ReadingOutput = Pick<Output, "line" | "warn" | "status" | "clear">;

/** Images, and information about their files if they come from files. */
export interface OpenedSource {
  readonly images: ImageSource;
  readonly local?: LocalImages;
}

/** @throws UsageError for an unsupported kind of source, DataError for unreadable images */
export async function openSource(
  source: string,
  options: SourceOptions,
  output: Output,
): Promise<ImageSource> {
  const { images, local } = await openAny(source, options, output);
  for (const warning of local?.warnings ?? []) output.warn(warning);
  return images;
}

/**
 * The same, for commands that report on the files themselves: prints no `local.warnings`.
 * @throws Interrupted when the user stops the reading, or the signal's reason
 */
export async function openAny(
  source: string,
  options: SourceOptions,
  output: ReadingOutput,
): Promise<OpenedSource> {
  const { size, channels = "auto", flip, skipBroken, split, imageColumn, labelColumn } = options;
  const { signal, concurrency } = options;
  const selection = {
    ...(split !== undefined && { split }),
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  };
  if (source === SYNTHETIC) {
    const [chosen] = Object.keys(selection);
    if (chosen !== undefined) {
      const option = `--${chosen.replace("Column", "-column")}`;
      throw new UsageError(`${option} chooses from files, but ${SYNTHETIC} is drawn; leave it out`);
    }
    for (const option of ["fit", "ground"] as const) {
      if (options[option] === undefined) continue;
      throw new UsageError(`--${option} is of files, but ${SYNTHETIC} is drawn at any size; leave it out`);
    }
    return { images: { ...synthetic({ size, channels: channels === "auto" ? 3 : channels }), flip } };
  }
  const plain = {
    ...{ size, flip, skipBroken, ...selection, ...formOf({ ...options, channels }) },
    ...(signal !== undefined && { signal }),
    ...(concurrency !== undefined && { concurrency }),
  };
  const local = isHubName(source)
    ? await readHub(source, plain, output)
    : await readLocal(source, plain, output);
  return { images: local, local };
}

/** A data set of the Hub: downloads its split, and reads it like local files. */
async function readHub(name: string, options: SourceOptions, output: ReadingOutput): Promise<LocalImages> {
  const { split } = options;
  const files = await stoppable(name, options, (signal) => fetchHubSource(name, { split, signal }, output));
  return read(name, options, output, (given) => openImageFiles(files, { ...given, name }));
}

function readLocal(path: string, options: SourceOptions, output: ReadingOutput): Promise<LocalImages> {
  return read(path, options, output, (given) => openImages(path, given));
}

/** Reads with a progress status, until it is cancelled. */
function read(
  name: string,
  { skipBroken, ...rest }: SourceOptions,
  output: ReadingOutput,
  open: (options: OpenImagesOptions) => Promise<LocalImages>,
): Promise<LocalImages> {
  const begun = Date.now();
  return stoppable(name, rest, async (signal) => {
    const local = await open({
      ...rest,
      onBroken: skipBroken ? "skip" : "error",
      skipHint: "leave them out with --skip-broken",
      signal,
      onProgress: (done, total) => {
        if (Date.now() - begun < QUIET_MS) return;
        output.status({ share: done / total, parts: [`reading images: ${done} of ${total}`] });
      },
    });
    tellCache(local, output);
    return local;
  });
}

/** Work that the given signal cancels, or Ctrl-C where there is none. */
const stoppable = <T>(
  source: string,
  { signal }: Pick<SourceOptions, "signal">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => (signal === undefined ? interruptible(source, work) : work(signal));

/** Work that Ctrl-C cancels, with a line that says how to continue. */
export async function interruptible<T>(
  source: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const release = onInterrupt(() => {
    stop.abort(new Interrupted(`stopped while reading ${source}; the same command goes on where it can`));
  });
  try {
    return await work(stop.signal);
  } finally {
    release();
  }
}

/** Says once where the disk was used, and how to free it. */
function tellCache({ cache, count, size, channels }: LocalImages, output: ReadingOutput): void {
  if (cache?.isNew !== true) return;
  const taken = bytes(count * size.height * size.width * channels);
  output.clear();
  output.line(
    `the decoded images are kept in ${cache.folder} (${taken}); ${imagoCommand("data", "cache", "--clear")} removes them`,
  );
}
