// What the form's choice of a model stands for.

import type { Beside, ModelSource, Placed } from "../../engine/messages.ts";
import { addressOfModel, filesOfFolder } from "../../places/server_models.ts";
import { models, PLACES, runs } from "../../state.ts";
import { OWN_TOKENIZER } from "./given.ts";
import type { Values } from "./values.ts";

/** Models that are neither runs nor the server's. */
export const OTHERS = {
  folder: "a folder of this computer",
  file: "a single file of this computer",
  address: "an address, or hf:OWNER/NAME",
} as const;

/** The key of a model of the server. */
export const keyOfModel = (name: string): string => `models/${name}`;
const nameOfModel = (source: string): string | undefined => /^models\/(.*)$/s.exec(source)?.[1];

export const isRun = (source: string): boolean => /^(server|tab)\//.test(source);

type Chosen = Pick<
  Values,
  "source" | "checkpoint" | "address" | "folder" | "file" | "tokenizer" | "ownTokenizer"
>;

/** Whether a single file draws, and the tokenizer beside it, if the server has one there. */
export function singleFileOf({ source }: Chosen): { readonly beside: string | null } | undefined {
  if (source === "file") return { beside: null };
  const name = nameOfModel(source);
  const found = models.value.files.find((file) => file.name === name);
  return found && { beside: found.tokenizer };
}

/** @returns undefined while there is nothing to draw with */
export function modelOf(values: Chosen): ModelSource | undefined {
  const { source, checkpoint, address, folder, file } = values;
  if (source === "folder") return folder === null ? undefined : { address: folder.name, files: folder.files };
  if (source === "address") return /^(hf:)?$/.test(address.trim()) ? undefined : { address: address.trim() };
  const single = singleFileOf(values);
  if (single !== undefined) {
    const weights = source === "file" ? file?.files[0] : servedFile(source);
    if (weights === undefined) return undefined;
    const beside = besideOf(values, single.beside);
    // A name of no other file and what is beside it.
    const name = `${file?.name ?? ""} ${source} ${beside?.name ?? ""} ${beside?.kind ?? ""}`;
    return { address: name, single: { weights, beside } };
  }
  const name = nameOfModel(source);
  return name === undefined ? modelOfRun(source, checkpoint) : { address: addressOfModel(name) };
}

function servedFile(source: string): Placed | undefined {
  const name = nameOfModel(source);
  return name === undefined ? undefined : { path: name, file: addressOfModel(name) };
}

/** Null where none is chosen. */
function besideOf({ tokenizer, ownTokenizer }: Chosen, usual: string | null): Beside | null {
  if (tokenizer === OWN_TOKENIZER) return ownTokenizer;
  const { pipelines, tokenizers } = models.value;
  const pipeline = pipelines.find(({ name }) => keyOfModel(name) === tokenizer);
  if (pipeline !== undefined) return { kind: "config", name: pipeline.name, files: filesOfFolder(pipeline) };
  const wanted = tokenizer === "" ? usual : tokenizer;
  const found = tokenizers.find(({ name }) => name === wanted);
  return found === undefined ? null : { kind: "tokenizer", name: found.name, files: filesOfFolder(found) };
}

/** A run's pipeline is where the run is. @param checkpoint the step of one, "" for the last weights */
export function modelOfRun(key: string, checkpoint = ""): ModelSource | undefined {
  const run = runs.value.find((one) => one.key === key);
  if (run === undefined) return undefined;
  const place = PLACES[run.place];
  return {
    address: place.pipelineOf(run.name),
    ...(checkpoint !== "" && { checkpoint: place.checkpointOf(run.name, Number(checkpoint)) }),
  };
}
