// The server of `imago studio`, as the page asks it. A static site has none.

import * as v from "valibot";

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const size = v.union([number, v.object({ width: number, height: number })]);

const summarySchema = v.object({
  name: v.string(),
  state: v.picklist(["training", "stopped", "finished"]),
  preset: v.nullable(v.string()),
  size,
  source: v.string(),
  images: count,
  steps: count,
  step: count,
  last: v.nullable(v.record(v.string(), v.unknown())),
  changed: number,
  hasPipeline: v.boolean(),
});
/** A run, as far as a list shows it. */
export type RunSummary = v.InferOutput<typeof summarySchema>;

const detailsSchema = v.object({
  ...summarySchema.entries,
  config: v.record(v.string(), v.unknown()),
  checkpoints: v.array(count),
  grids: v.array(count),
  hasFinalSamples: v.boolean(),
  notes: v.string(),
});
export type RunDetails = v.InferOutput<typeof detailsSchema>;

const trainingSchema = v.object({
  out: v.string(),
  isRunning: v.boolean(),
  stage: v.nullable(v.string()),
  device: v.nullable(v.string()),
  secondsLeft: v.nullable(number),
  problem: v.nullable(v.string()),
  warnings: v.array(v.string()),
});
/** A training that the server runs. */
export type TrainingStatus = v.InferOutput<typeof trainingSchema>;

const aboutSchema = v.object({ imago: v.string(), runs: v.string() });
export type About = v.InferOutput<typeof aboutSchema>;

/** What the server refuses, in its own words. */
export class Refused extends Error {
  override readonly name = "Refused";
}

async function ask<Schema extends v.GenericSchema>(
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

const send = (method: "POST" | "PUT", body: unknown): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const nothing = v.looseObject({});
const named = (name: string): string => `runs/${encodeURIComponent(name)}`;

/** Undefined where the page is served by another server. */
export const about = (): Promise<About | undefined> => ask(aboutSchema, "studio").catch(() => undefined);
export const runs = (): Promise<RunSummary[]> => ask(v.array(summarySchema), "runs");
export const details = (name: string): Promise<RunDetails> => ask(detailsSchema, named(name));
export const trainings = (): Promise<TrainingStatus[]> => ask(v.array(trainingSchema), "trainings");
export const stop = (name: string) => ask(nothing, `${named(name)}/stop`, send("POST", {}));
export const resume = (name: string) => ask(nothing, `${named(name)}/resume`, send("POST", {}));
export const saveNotes = (name: string, text: string) =>
  ask(nothing, `${named(name)}/notes`, send("PUT", { text }));

/** Starts a training; resolves after its first report. */
export const train = (name: string, options: Readonly<Record<string, string | number | boolean>>) =>
  ask(nothing, "trainings", send("POST", { name, options }));

/** The address of a file of a run. */
export const fileOf = (name: string, path: string): string => `api/${named(name)}/files/${path}`;

/** What was added to a run's records since a place in them. */
export async function recordsFrom(
  name: string,
  from: number,
): Promise<{ readonly text: string; readonly next: number }> {
  const response = await fetch(`${fileOf(name, "metrics.jsonl")}?from=${from}`);
  if (!response.ok) return { text: "", next: from };
  return { text: await response.text(), next: Number(response.headers.get("Imago-Next")) };
}
