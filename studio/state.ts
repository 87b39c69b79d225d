// What the page shows: the state in one place. Views are functions of it.

import { effect, signal } from "@preact/signals";
import { isolate } from "./isolation/isolate.ts";
import type { Place, RunDetails, RunSummary, TrainingStatus } from "./places/place.ts";
import { type About, about as askAbout, server } from "./places/server.ts";
import { type Models, NO_MODELS, readModels } from "./places/server_models.ts";
import { tab } from "./places/tab.ts";
import { Records } from "./records.ts";

export const VIEWS = ["train", "data", "runs", "draw", "learn"] as const;
export type View = (typeof VIEWS)[number];

const viewOf = (hash: string): View => VIEWS.find((view) => hash === `#${view}`) ?? "train";

/** The view of the address. */
export const view = signal<View>(viewOf(location.hash));
addEventListener("hashchange", () => {
  view.value = viewOf(location.hash);
});

/** Where runs can be. */
export const PLACES = { server, tab } as const satisfies Record<string, Place>;
export type PlaceName = keyof typeof PLACES;

/** A run and where it is; its key is of no other. */
export interface Placed {
  readonly place: PlaceName;
  readonly key: string;
}
export type PlacedRun = RunSummary & Placed;
export type PlacedDetails = RunDetails & Placed;

export const keyOf = (place: PlaceName, name: string): string => `${place}/${name}`;

function partsOf(key: string): { readonly place: PlaceName; readonly name: string } {
  const slash = key.indexOf("/");
  return { place: key.startsWith("tab/") ? "tab" : "server", name: key.slice(slash + 1) };
}

/** The server; null where there is none, undefined until that is known. */
export const about = signal<About | null | undefined>(undefined);
/** Whether the documentation lies beside the page. */
export const hasDocs = signal(false);
/** The runs of all places, the last written first. */
export const runs = signal<readonly PlacedRun[]>([]);
/** The models of the server's folder that are no runs, as they were when they were last looked for. */
export const models = signal<Models>(NO_MODELS);
/** The trainings that were started from a page. */
export const trainings = signal<readonly (TrainingStatus & Placed)[]>([]);
/** The keys of the run that is looked at, and of those whose curves lie over its own. */
export const chosen = signal<string | null>(null);
export const compared = signal<readonly string[]>([]);
/** All that is known of the chosen run. */
export const details = signal<PlacedDetails | null>(null);
/** A line about what went wrong, until it is dismissed. */
export const problem = signal<string | null>(null);
/** Counts the updates of records, which change in place. */
export const recordsVersion = signal(0);

const known = new Map<string, Records>();

/** The records of a run, as far as they were read. */
export function recordsOf(key: string): Records {
  const { place, name } = partsOf(key);
  const records = known.get(key) ?? new Records(PLACES[place], name);
  known.set(key, records);
  return records;
}

export async function readDetails(key: string): Promise<PlacedDetails> {
  const { place, name } = partsOf(key);
  return { ...(await PLACES[place].details(name)), place, key };
}

/** Does something for the user; what goes wrong is told. */
export async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    problem.value = null;
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
}

/** Looks which models there are; a static site has none. */
export async function findModels(): Promise<void> {
  if (about.value) models.value = await readModels().catch(() => NO_MODELS);
}

/** The documentation, if it was built and brought along. */
export const DOCS = "docs/index.html";

/** Time between two looks (milliseconds); where one takes long, as of thousands of runs, as much time is left to others. */
const PAUSE = 1000;
/** While a training begins, whose first step is waited for. */
const SHORT_PAUSE = 200;

/** Follows the runs while the page is seen. */
export async function follow(): Promise<void> {
  about.value = (await askAbout()) ?? null;
  if (about.value === null) void isolate();
  void findDocs();
  for (;;) {
    const begun = performance.now();
    if (document.visibilityState === "visible") await look().catch(() => undefined);
    const took = performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, Math.max(begins() ? SHORT_PAUSE : PAUSE, took)));
  }
}

/** Whether a training that was started here has not made a step. */
const begins = (): boolean =>
  trainings.value.some(
    ({ isRunning, key }) => isRunning && (runs.value.find((run) => run.key === key)?.step ?? 0) === 0,
  );

async function findDocs(): Promise<void> {
  hasDocs.value =
    about.value?.hasDocs ??
    (await fetch(DOCS, { method: "HEAD" }).then(
      ({ ok }) => ok,
      () => false,
    ));
}

async function look(): Promise<void> {
  const names: readonly PlaceName[] = about.value === null ? ["tab"] : ["server", "tab"];
  const seen = await Promise.all(
    names.map(async (place) => {
      const [all, own] = await Promise.all([PLACES[place].runs(), PLACES[place].trainings()]);
      return {
        runs: all.map((run) => ({ ...run, place, key: keyOf(place, run.name) })),
        trainings: own.map((status) => ({ ...status, place, key: keyOf(place, status.name) })),
      };
    }),
  );
  runs.value = seen.flatMap((one) => one.runs).sort((a, b) => b.changed - a.changed);
  trainings.value = seen.flatMap((one) => one.trainings);
  const watched = new Set([...compared.value, ...(chosen.value === null ? [] : [chosen.value])]);
  const news = await Promise.all([...watched].map((key) => recordsOf(key).update()));
  if (news.includes(true)) recordsVersion.value++;
  const key = chosen.value;
  if (key === null || !runs.value.some((run) => run.key === key)) return;
  const next = await readDetails(key);
  if (chosen.value === key) details.value = next;
}

// A run that is chosen anew is shown at once, not at the next look.
effect(() => {
  const key = chosen.value;
  if (key === null) {
    details.value = null;
    return;
  }
  if (details.peek()?.key !== key) details.value = null;
  void attempt(async () => {
    const [next] = await Promise.all([readDetails(key), recordsOf(key).update()]);
    if (chosen.peek() === key) details.value = next;
    recordsVersion.value = recordsVersion.peek() + 1;
  });
});
