// The data set that is looked through: it is read, and followed until all is known of it.

import { computed, signal } from "@preact/signals";
import { DataBlocks } from "./data_blocks.ts";
import type { DataOrigin, DataPlace, DataStatus, DataSummary, ImageForm, Near } from "./places/data_place.ts";
import { serverData } from "./places/server_data.ts";
import { tabData } from "./places/tab_data.ts";
import { problem } from "./state.ts";

export interface DataSet {
  readonly place: DataPlace;
  /** What it is called there; null while it is asked for. */
  readonly id: string | null;
  readonly stage: DataStatus["stage"];
  readonly problem: string | null;
  readonly summary: DataSummary | null;
  readonly near: Near | null;
}

/** A data set whose images can be looked at. */
export interface OpenData {
  readonly place: DataPlace;
  readonly id: string;
  readonly summary: DataSummary;
}

/** Time between two looks (milliseconds). */
const PAUSE = 150;

/** The data set that is shown. */
export const dataSet = signal<DataSet | null>(null);
/** The class whose images are shown; null for all. */
export const shownLabel = signal<number | null>(null);
/** Images whose augmentation is shown; null for the first ones. */
export const augmentedImage = signal<number | null>(null);
/** Counts the blocks of the wall that have come. */
export const blocksVersion = signal(0);

let known: OpenData | undefined;
/** The same object as long as it is the same data set. */
export const openData = computed<OpenData | null>((): OpenData | null => {
  const { value } = dataSet;
  if (value === null || value.id === null || value.summary === null) return null;
  const { place, id, summary } = value;
  if (known?.id !== id || known.summary !== summary) known = { place, id, summary };
  return known;
});

/** What the wall shows. */
export const blocks = computed(() => {
  const { value: data } = openData;
  if (data === null) return null;
  const label = shownLabel.value;
  const listed = data.summary.labels?.listed.find((one) => one.label === label);
  const { place, id, summary } = data;
  const [own, count] = listed === undefined ? [null, summary.count] : [listed.label, listed.count];
  return new DataBlocks(
    { place, id, label: own, count },
    () => openData.peek()?.id === id,
    (refused) => {
      if (refused === null) blocksVersion.value++;
      else problem.value = refused;
    },
  );
});

/** Ends when nothing is asked any more of the data set that is followed. */
let following: Promise<void> = Promise.resolve();

/** Reads images in place of those that are shown. */
export async function readData(from: DataOrigin, form: ImageForm): Promise<void> {
  await closeData();
  following = follow(from, form);
  await following;
}

async function follow(from: DataOrigin, form: ImageForm): Promise<void> {
  const place = from.kind === "source" || from.kind === "run" ? serverData : tabData;
  let own: DataSet = {
    ...{ place, id: null, stage: { text: "opening", share: null } },
    ...{ problem: null, summary: null, near: null },
  };
  dataSet.value = own;
  /** @returns whether it is still this data set that is shown */
  const change = (next: Partial<DataSet>): boolean => {
    if (dataSet.value !== own) return false;
    own = { ...own, ...next };
    dataSet.value = own;
    return true;
  };
  try {
    const id = await place.open(from, form);
    if (!change({ id })) return await place.close(id);
    for (;;) {
      const { stage, isRead, isSearched, problem: wrong } = await place.status(id);
      const summary = isRead ? (own.summary ?? (await place.summary(id))) : null;
      const near = isSearched ? (own.near ?? (await place.near(id))) : null;
      if (!change({ stage, problem: wrong, summary, near }) || stage === null) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  } catch (error) {
    change({ stage: null, problem: error instanceof Error ? error.message : String(error) });
  }
}

/** Ends the reading, and forgets the images. */
export async function closeData(): Promise<void> {
  const { value } = dataSet;
  dataSet.value = null;
  shownLabel.value = null;
  augmentedImage.value = null;
  // A question to which the answer is that it was closed would be told as an error.
  await following;
  if (value?.id) await value.place.close(value.id).catch(() => undefined);
}
