// The server of `imago studio`. A static site has none.

import * as v from "valibot";
import {
  checkpointFolder,
  detailsSchema,
  type Place,
  Refused,
  summarySchema,
  trainingSchema,
} from "./place.ts";

const aboutSchema = v.object({
  imago: v.string(),
  runs: v.string(),
  hasDocs: v.boolean(),
  mayNameAny: v.boolean(),
});
export type About = v.InferOutput<typeof aboutSchema>;

/** @throws Refused in the server's words */
export async function ask<Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  options: RequestInit = {},
): Promise<v.InferOutput<Schema>> {
  let response: Response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch {
    throw new Refused("the studio's server does not answer; imago studio starts it");
  }
  const json: unknown = await response.json().catch(() => undefined);
  if (response.ok) return v.parse(schema, json);
  const error = v.safeParse(v.object({ error: v.string() }), json);
  throw new Refused(error.success ? error.output.error : `the server answered ${response.status}`);
}

const nothing = v.looseObject({});

async function tell(method: "POST" | "PUT", path: string, body: unknown): Promise<void> {
  await ask(nothing, path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

const named = (name: string): string => `runs/${encodeURIComponent(name)}`;
const fileOf = (name: string, path: string): string => `api/${named(name)}/files/${path}`;

const addressOf = (name: string, path: string): string => new URL(fileOf(name, path), location.href).href;

/** Undefined where the page is served by another server: a static site has the file public/api/studio instead. */
export const about = (): Promise<About | undefined> => ask(aboutSchema, "studio").catch(() => undefined);

export const server: Place = {
  runs: () => ask(v.array(summarySchema), "runs"),
  details: (name) => ask(detailsSchema, named(name)),
  trainings: () => ask(v.array(trainingSchema), "trainings"),
  async recordsFrom(name, from) {
    const response = await fetch(`${fileOf(name, "metrics.jsonl")}?from=${from}`);
    if (!response.ok) return { text: "", next: from };
    return { text: await response.text(), next: Number(response.headers.get("Imago-Next")) };
  },
  addressOf: async (name, path) => fileOf(name, path),
  pipelineOf: (name) => addressOf(name, "pipeline"),
  checkpointOf: (name, step) => addressOf(name, checkpointFolder(step)),
  train: (name, options) => tell("POST", "trainings", { name, options }),
  stop: (name) => tell("POST", `${named(name)}/stop`, {}),
  pause: (name) => tell("POST", `${named(name)}/pause`, {}),
  unpause: (name) => tell("POST", `${named(name)}/unpause`, {}),
  needsImages: () => false,
  resume: (name) => tell("POST", `${named(name)}/resume`, {}),
  saveNotes: (name, text) => tell("PUT", `${named(name)}/notes`, { text }),
};
