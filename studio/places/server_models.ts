// The models in the server's folder that are no runs.

import * as v from "valibot";
import type { Placed } from "../engine/messages.ts";
import { ask } from "./server.ts";

const folderSchema = v.object({ name: v.string(), files: v.array(v.string()) });
const modelsSchema = v.object({
  pipelines: v.array(folderSchema),
  files: v.array(v.object({ name: v.string(), title: v.string(), tokenizer: v.nullable(v.string()) })),
  loras: v.array(v.string()),
  tokenizers: v.array(folderSchema),
});
export type Models = v.InferOutput<typeof modelsSchema>;

export const NO_MODELS: Models = { pipelines: [], files: [], loras: [], tokenizers: [] };

export const readModels = (): Promise<Models> => ask(modelsSchema, "models");

/** The address of a model, to which paths of its files can be added. @param path of a file in its folder */
export function addressOfModel(name: string, path?: string): string {
  const address = `api/models/files${path === undefined ? "" : `/${path}`}?model=${encodeURIComponent(name)}`;
  return new URL(address, location.href).href;
}

/** The files of a tokenizer's folder, or the small ones of a pipeline's. */
export const filesOfFolder = ({ name, files }: v.InferOutput<typeof folderSchema>): Placed[] =>
  files.map((path) => ({ path, file: addressOfModel(name, path) }));
