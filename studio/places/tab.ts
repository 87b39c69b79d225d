// This browser: runs are in its own file system, and a worker trains them. Notes, and the options that a run goes on with,
// are in the page's storage.

import type { PlacedFile } from "imago/browser";
import * as v from "valibot";
import type { TabCall } from "../engine/tab_messages.ts";
import { WorkerCalls } from "../engine/worker_calls.ts";
import {
  checkpointFolder,
  detailsSchema,
  type Place,
  Refused,
  summarySchema,
  type TrainOptions,
  trainingSchema,
} from "./place.ts";

const calls = new WorkerCalls<TabCall>(
  () => new Worker(new URL("../engine/tab_worker.ts", import.meta.url), { type: "module" }),
);
const ask = calls.ask.bind(calls);

const nothing = v.undefined();
const recordsSchema = v.object({ text: v.string(), next: v.number() });
const optionsSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

const notesKey = (name: string): string => `imago notes ${name}`;
const optionsKey = (name: string): string => `imago options ${name}`;

/** The options that a run was begun with. */
function optionsOf(name: string): TrainOptions {
  const kept = v.safeParse(optionsSchema, localStorage.getItem(optionsKey(name)));
  if (kept.success) return kept.output;
  throw new Refused(`this browser no longer knows the options of ${name}`);
}

/** Whether there may be runs: the worker has all of the engine, and is loaded only when it has something to do. */
async function hasRuns(): Promise<boolean> {
  if (calls.isStarted) return true;
  try {
    const root = await navigator.storage.getDirectory();
    await root.getDirectoryHandle("runs");
    return true;
  } catch {
    return false;
  }
}

/** The images of runs, as long as the page is there: a browser does not keep the user's files. */
const imagesOf = new Map<string, readonly PlacedFile[]>();

/** Addresses of files, by run and path: a picture that is shown again needs no new one. */
const addresses = new Map<string, string>();

export const tab: Place = {
  runs: async () => ((await hasRuns()) ? ask(v.array(summarySchema), { name: "runs" }) : []),
  details: async (run) => ({
    ...(await ask(v.omit(detailsSchema, ["notes"]), { name: "details", run })),
    notes: localStorage.getItem(notesKey(run)) ?? "",
  }),
  trainings: async () => (calls.isStarted ? ask(v.array(trainingSchema), { name: "trainings" }) : []),
  recordsFrom: (run, from) => ask(recordsSchema, { name: "recordsFrom", run, from }),
  async addressOf(run, path) {
    const key = `${run}/${path}`;
    const known = addresses.get(key);
    if (known !== undefined) return known;
    const address = URL.createObjectURL(await ask(v.instance(File), { name: "file", run, path }));
    addresses.set(key, address);
    return address;
  },
  pipelineOf: (run) => `/runs/${run}/pipeline`,
  checkpointOf: (run, step) => `/runs/${run}/${checkpointFolder(step)}`,
  async train(run, options, images) {
    await ask(nothing, { name: "train", run, options, images, resume: false });
    imagesOf.set(run, images);
    localStorage.setItem(optionsKey(run), JSON.stringify(options));
  },
  stop: (run) => ask(nothing, { name: "stop", run }),
  pause: (run) => ask(nothing, { name: "pause", run }),
  unpause: (run) => ask(nothing, { name: "unpause", run }),
  needsImages: ({ name, source }) => source !== "synthetic" && !imagesOf.has(name),
  async resume(run, given) {
    const images = given.length > 0 ? given : (imagesOf.get(run) ?? []);
    await ask(nothing, { name: "train", run, options: optionsOf(run), images, resume: true });
    imagesOf.set(run, images);
  },
  saveNotes: async (run, text) => localStorage.setItem(notesKey(run), text),
};
