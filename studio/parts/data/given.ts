// The files that the user gave the page, and what is done with them.

import { signal } from "@preact/signals";
import type { PlacedFile } from "imago/browser";
import { dataForm, imageFormOf, WrongField } from "../../data_form.ts";
import { readData } from "../../data_set.ts";
import { droppedFiles } from "../../engine/given_files.ts";

export const givenFiles = signal<readonly PlacedFile[]>([]);

/** @throws WrongField */
export async function readGiven(): Promise<void> {
  const files = givenFiles.value;
  if (files.length === 0) throw new WrongField("no files were given yet; choose some, or drop them here");
  await readData({ kind: "files", files }, imageFormOf(dataForm.value));
}

/** @throws Error, in one line, for what cannot be read */
export async function readDropped(dropped: DataTransfer): Promise<void> {
  givenFiles.value = await droppedFiles(dropped);
  dataForm.value = { ...dataForm.value, from: "files" };
  await readGiven();
}
