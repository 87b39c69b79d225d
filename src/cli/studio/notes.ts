// A person's notes of a run: notes.txt in its folder.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { files } from "../../platform/node/files.ts";
import type { RunFolder } from "../../training/run/run_folder.ts";

const FILE = "notes.txt";
const MOST_CHARACTERS = 50_000;
/** UTF-8 takes at most four bytes for a character. */
const MOST_BYTES = 4 * MOST_CHARACTERS;

export const notesSchema = v.object({ text: v.pipe(v.string(), v.maxLength(MOST_CHARACTERS)) });

/** "" where there are none. */
export async function readNotes(folder: RunFolder): Promise<string> {
  const path = join(folder.path, FILE);
  try {
    return (await stat(path)).size > MOST_BYTES ? "" : await readFile(path, "utf8");
  } catch {
    return "";
  }
}

export const writeNotes = (folder: RunFolder, text: string): Promise<void> =>
  files.writeFileAtomic(join(folder.path, FILE), text);
