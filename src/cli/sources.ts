// What --data means: the embedded butterflies, or a folder of images.

import { type ImageSource, imageFolder, synthetic } from "../data/index.ts";
import { isHubName } from "../io/hub/index.ts";
import { UsageError } from "./errors.ts";
import { fetchHubSource } from "./hub_source.ts";
import type { Output } from "./output.ts";

export const SYNTHETIC = "synthetic";
/** Reading that is quicker than this is not told of (milliseconds). */
const QUIET_MS = 500;

export interface SourceOptions {
  readonly size: number;
  readonly flip: boolean;
  /** Leaves out images that cannot be read, with a warning that names them. */
  readonly skipBroken: boolean;
}

/** @throws UsageError for a kind of source that is not read, DataError for images that cannot be */
export async function openSource(
  source: string,
  { size, flip, skipBroken }: SourceOptions,
  output: Output,
): Promise<ImageSource> {
  if (source === SYNTHETIC) return { ...synthetic({ size }), flip };
  if (isHubName(source))
    return openSource(await localFolder(source, output), { size, flip, skipBroken }, output);
  const kind = /\.(zip|parquet)$/i.exec(source)?.[0];
  if (kind !== undefined) {
    throw new UsageError(
      `--data ${source}: ${kind} is not read; unpack the images into a folder and give that`,
    );
  }
  const begun = Date.now();
  const images = await imageFolder(source, {
    size,
    flip,
    onBroken: skipBroken ? "skip" : "error",
    skipHint: "leave them out with --skip-broken",
    onProgress: (done, total) => {
      if (Date.now() - begun < QUIET_MS) return;
      output.status({ share: done / total, parts: [`reading images: ${done} of ${total}`] });
    },
  });
  for (const warning of images.warnings) output.warn(warning);
  return images;
}

/** The folder of images that a data set of the Hub is on this machine. */
async function localFolder(source: string, output: Output): Promise<string> {
  const { kind, paths } = await fetchHubSource(source, {}, output);
  const [folder] = paths;
  if (kind === "folder" && folder !== undefined) return folder;
  throw new UsageError(`--data ${source}: it holds ${kind} files, which are not read; expected loose images`);
}
