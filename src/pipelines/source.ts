// Where a pipeline comes from: a folder, a single file, the Hub, or a web address.

import { files } from "#platform";
import { isHubName } from "../io/hub/index.ts";
import { isUrl } from "../io/url.ts";
import { PipelineError } from "./errors.ts";
import { type PipelineSourceOptions, pipelineFolder } from "./hub.ts";
import { withPipelineAt } from "./url.ts";

/**
 * Gives `use` the folder of a pipeline; what is elsewhere is downloaded.
 * @param source a path, "hf:OWNER/NAME[@REVISION]", "OWNER/NAME" where no such path exists, or the https:// address of a
 *   pipeline's folder or of a .zip of one
 * @throws HubError, PipelineError, FileError, in one line
 */
export async function withPipelineFolder<T>(
  source: string,
  options: PipelineSourceOptions,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  if (!isUrl(source)) return use(await pipelineFolder(source, options));
  if (options.revision !== undefined) {
    throw new PipelineError(
      `${source}: a web address has no revision ${JSON.stringify(options.revision)}; leave it out, or give hf:OWNER/NAME`,
    );
  }
  return withPipelineAt(source, options, use);
}

/** Whether a source is a single file of this machine, and no folder. */
export async function isSingleFile(source: string): Promise<boolean> {
  if (!source.endsWith(".safetensors") || isHubName(source) || isUrl(source)) return false;
  return !((await files.exists(source)) && (await files.stat(source)).isFolder);
}
