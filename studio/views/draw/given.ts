// What the user chose or dropped to draw with: a pipeline's folder, a single file, a tokenizer, an image.

import type { PlacedFile } from "imago/browser";
import type { Beside } from "../../engine/messages.ts";
import type { Values } from "./values.ts";

/** Files of the user's disk. */
export interface Given {
  /** Of no other files. */
  readonly name: string;
  readonly files: readonly PlacedFile[];
}

let counted = 0;

export const given = (what: string, files: readonly PlacedFile[]): Given => ({
  name: `${what} ${counted++}`,
  files,
});

/** The change of the form that files stand for. @throws Error, in one line, for an image that is damaged or too large */
export async function changeBy(files: readonly PlacedFile[]): Promise<Partial<Values>> {
  const [first] = files;
  if (files.length === 1 && first.file.type.startsWith("image/")) {
    return { image: await imageOf(first.file), mask: null };
  }
  const isFolder = files.some(({ path }) => path.endsWith("model_index.json"));
  const weights = files.find(({ path }) => path.endsWith(".safetensors"));
  if (isFolder || weights === undefined) return { source: "folder", folder: given("folder", files) };
  const beside = besideAmong(files);
  return {
    source: "file",
    file: given("file", [weights]),
    ...(beside !== undefined && { tokenizer: OWN_TOKENIZER, ownTokenizer: beside }),
  };
}

/** An image, as the form shows it. @throws Error, in one line */
export async function imageOf(file: File) {
  const { startImageOf } = await import("../../engine/start_image.ts");
  return startImageOf(file);
}

/** The choice of a tokenizer that is the user's. */
export const OWN_TOKENIZER = "own";

/** What a folder has for a single file: all of a pipeline's configs, or a tokenizer, also in a folder of that name. */
export function besideAmong(files: readonly PlacedFile[]): Beside | undefined {
  const root = files.find(({ path }) => /(^|\/)model_index\.json$/.test(path));
  if (root !== undefined) {
    const folder = root.path.slice(0, -"model_index.json".length);
    return { kind: "config", ...given("configs", inFolder(files, folder)) };
  }
  const folders = files.map(({ path }) => path).filter((path) => /(^|\/)(tokenizer|vocab)\.json$/.test(path));
  const chosen = folders.find((path) => /(^|\/)tokenizer\/[^/]*$/.test(path)) ?? folders[0];
  if (chosen === undefined) return undefined;
  const own = inFolder(files, chosen.slice(0, chosen.lastIndexOf("/") + 1));
  return { kind: "tokenizer", ...given("tokenizer", own) };
}

/** @param folder "" or with a "/" at its end */
const inFolder = (files: readonly PlacedFile[], folder: string): PlacedFile[] =>
  files.flatMap(({ path, file }) =>
    path.startsWith(folder) && !path.endsWith(".safetensors")
      ? [{ path: path.slice(folder.length), file }]
      : [],
  );
