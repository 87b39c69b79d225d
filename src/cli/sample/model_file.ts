// A single file of Stable Diffusion in place of a folder: whether it is one, which models it holds, and what has to be
// given with it.

import type { OriginalVersion } from "../../models/original/layouts.ts";
import { type PipelineFamily, STABLE_DIFFUSION, STABLE_DIFFUSION_XL } from "../../pipelines/families.ts";
import { singleFileVersion } from "../../pipelines/single_file.ts";
import { UsageError } from "../errors.ts";
import { flagOf } from "../wording.ts";
import type { SampleFlags } from "./flags.ts";
import { checkKindFlags } from "./kind_flags.ts";

/**
 * The family of the pipelines that draw with a single file, after a look at the options.
 * @throws UsageError, FileError, in one line, before weights are read
 */
export async function familyOfFile(path: string, flags: SampleFlags): Promise<PipelineFamily> {
  const version = await singleFileVersion(path);
  const family = familyOfVersion(version);
  checkKindFlags(path, family, flags);
  for (const option of ["variant", "revision"] as const) {
    if (flags[option] === undefined) continue;
    throw new UsageError(`${flagOf(option)} is for folders, but ${path} is a single file; leave it out`);
  }
  if (flags.tokenizer === undefined && flags.config === undefined) {
    throw new UsageError(
      `--tokenizer is missing: the vocabulary is not in a single file such as ${path}; add --tokenizer FOLDER, the "tokenizer" of a folder that diffusers saved, or --config with that whole folder`,
    );
  }
  return family;
}

/** The family of the pipelines that draw with the files of a version. */
export const familyOfVersion = (version: OriginalVersion): PipelineFamily =>
  version === "xl" || version === "xl-refiner" ? STABLE_DIFFUSION_XL : STABLE_DIFFUSION;

/** @throws UsageError for options of single files with another model */
export function refuseFileFlags(source: string, flags: SampleFlags): void {
  for (const option of ["tokenizer", "config"] as const) {
    if (flags[option] === undefined) continue;
    throw new UsageError(
      `${flagOf(option)} is for a single file (.safetensors), which ${source} is not; leave it out`,
    );
  }
}
