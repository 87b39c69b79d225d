// Opens the model of imago sample, after a look at whether models of its kind do what the options ask for.

import { FAMILIES, type PipelineFamily, seesPrompts } from "../../pipelines/families.ts";
import { pipelineClass } from "../../pipelines/folders.ts";
import type { PipelineSourceOptions } from "../../pipelines/hub.ts";
import { isSingleFile, withPipelineFolder } from "../../pipelines/source.ts";
import { checkModelSource } from "../model_source.ts";
import type { SampleFlags } from "./flags.ts";
import { checkKindFlags } from "./kind_flags.ts";
import { familyOfFile, refuseFileFlags } from "./model_file.ts";

/** Where a model is read from, and the family of its pipelines. */
export type ModelPlace = ({ readonly folder: string } | { readonly file: string }) & {
  readonly family: PipelineFamily;
};

/**
 * Gives `use` the place of a model.
 * @param source a folder, hf:OWNER/NAME, or a single file
 * @throws UsageError for options of another kind of model, before weights are downloaded or read; errors of reading it
 */
export async function withModel<T>(
  source: string,
  flags: SampleFlags,
  options: Omit<PipelineSourceOptions, "families" | "onClass">,
  use: (place: ModelPlace) => Promise<T>,
): Promise<T> {
  await checkModelSource(source);
  if (await isSingleFile(source)) return use({ file: source, family: await familyOfFile(source, flags) });
  refuseFileFlags(source, flags);
  const families = expectedFamilies(flags);
  const onClass = (className: string): PipelineFamily => {
    const family = families.find(({ classNames, custom }) =>
      [...classNames, ...custom.keys()].includes(className),
    );
    if (family !== undefined) checkKindFlags(source, family, flags);
    return family ?? families[0];
  };
  return withPipelineFolder(source, { ...options, families, onClass }, async (folder) =>
    use({ folder, family: onClass(await pipelineClass(folder)) }),
  );
}

/** A pipeline of none of these is refused as the first one, which was asked for. */
function expectedFamilies({ prompt }: SampleFlags): readonly [PipelineFamily, ...PipelineFamily[]] {
  if (prompt === undefined) return FAMILIES;
  const [first, ...others] = FAMILIES.toSorted((a, b) => Number(seesPrompts(b)) - Number(seesPrompts(a)));
  return [first, ...others];
}
