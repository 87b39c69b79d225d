// Where a LoRA comes from: a file, a folder, or the Hub.

import { fetchHubWeights, isHubName } from "../../io/hub/index.ts";
import type { Warn } from "../components.ts";
import { type HubLoadOptions, hubSourceOf } from "../hub.ts";
import { LORA_FILES } from "./file.ts";
import { LORA_SETTINGS } from "./settings.ts";

/** How a LoRA of the Hub is downloaded. */
export interface LoraSourceOptions extends Omit<HubLoadOptions, "revision"> {
  /** Called when the Hub cannot be reached, and what was downloaded before is taken. */
  readonly warn?: Warn;
}

/**
 * The path of a LoRA; one of the Hub is downloaded, once.
 * @param source a path; "hf:OWNER/NAME", or "OWNER/NAME" where no such path exists, for a repository with one safetensors
 *   file, or one of diffusers' or PEFT's name; "hf:OWNER/NAME/FILE.safetensors". On the Hub also with "@REVISION"
 * @throws HubError, FileError, in one line; the signal's reason
 */
export async function loraPath(
  source: string,
  { token, onDownload, signal, warn }: LoraSourceOptions = {},
): Promise<string> {
  // A file that is not there is no repository of that name.
  const isFile = source.endsWith(".safetensors") && !isHubName(source);
  const named = isFile ? undefined : await hubSourceOf(source);
  if (named === undefined) return source;
  return fetchHubWeights(named, {
    ...(token !== undefined && { token }),
    ...{ warn, signal, onProgress: onDownload },
    ...{ usual: LORA_FILES, beside: [LORA_SETTINGS] },
  });
}
