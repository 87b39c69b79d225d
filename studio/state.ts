// What the page shows: the state in one place. Views are functions of it.

import { effect, signal } from "@preact/signals";
import { Records } from "./records.ts";
import * as server from "./server.ts";

export const VIEWS = ["train", "runs", "draw", "learn"] as const;
export type View = (typeof VIEWS)[number];

const viewOf = (hash: string): View => VIEWS.find((view) => hash === `#${view}`) ?? "train";

/** The view of the address. */
export const view = signal<View>(viewOf(location.hash));
addEventListener("hashchange", () => {
  view.value = viewOf(location.hash);
});

/** The server; null where there is none, undefined until that is known. */
export const about = signal<server.About | null | undefined>(undefined);
/** The runs of the server's folder. */
export const runs = signal<readonly server.RunSummary[]>([]);
/** The trainings that the server runs. */
export const trainings = signal<readonly server.TrainingStatus[]>([]);
/** The run that is looked at, and those whose curves lie over its own. */
export const chosen = signal<string | null>(null);
export const compared = signal<readonly string[]>([]);
/** All that is known of the chosen run. */
export const details = signal<server.RunDetails | null>(null);
/** A line about what went wrong, until it is dismissed. */
export const problem = signal<string | null>(null);
/** Counts the updates of records, which change in place. */
export const recordsVersion = signal(0);

const known = new Map<string, Records>();

/** The records of a run, as far as they were read. */
export function recordsOf(name: string): Records {
  const records = known.get(name) ?? new Records(name);
  known.set(name, records);
  return records;
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

/** Time between two looks at the server (milliseconds). */
const PAUSE = 1000;

/** Follows the server while the page is seen. */
export async function follow(): Promise<void> {
  about.value = (await server.about()) ?? null;
  if (about.value === null) return;
  for (;;) {
    if (document.visibilityState === "visible") await look().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function look(): Promise<void> {
  const [all, own] = await Promise.all([server.runs(), server.trainings()]);
  runs.value = all;
  trainings.value = own;
  const watched = new Set([...compared.value, ...(chosen.value === null ? [] : [chosen.value])]);
  const news = await Promise.all([...watched].map((name) => recordsOf(name).update()));
  if (news.includes(true)) recordsVersion.value++;
  const name = chosen.value;
  if (name === null || !all.some((run) => run.name === name)) return;
  const next = await server.details(name);
  if (chosen.value === name) details.value = next;
}

// A run that is chosen anew is shown at once, not at the next look.
effect(() => {
  const name = chosen.value;
  if (name === null) {
    details.value = null;
    return;
  }
  if (details.peek()?.name !== name) details.value = null;
  void attempt(async () => {
    const [next] = await Promise.all([server.details(name), recordsOf(name).update()]);
    if (chosen.peek() === name) details.value = next;
    recordsVersion.value = recordsVersion.peek() + 1;
  });
});
