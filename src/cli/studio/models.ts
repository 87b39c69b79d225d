// The models in a folder that are no runs: pipelines of diffusers, single files of Stable Diffusion and the tokenizers that
// these need, and LoRAs.

import { readdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { basename, dirname, join } from "node:path";
import { MODEL_CONFIG, MODEL_INDEX } from "../../io/diffusers_folder.ts";
import { openSafetensors } from "../../io/safetensors.ts";
import { clipTokenizerFiles } from "../../models/clip_vocabulary.ts";
import { ORIGINAL_LAYOUTS, originalVersion } from "../../models/original/layouts.ts";
import { parseLoraName } from "../../pipelines/lora/names.ts";
import { type Served, sendFolderFile } from "./folder_file.ts";
import { HttpError } from "./http_error.ts";
import { nameOf } from "./runs.ts";
import { Unchanged } from "./unchanged.ts";

/** Folders inside each other in which models are looked for, and most that are listed. */
const DEPTH = 3;
const MOST = 2000;
const TOKENIZER = "tokenizer";
const WEIGHTS = ".safetensors";

/** What the page can draw with. Names are paths from the folder, with "/"; "./" for the folder itself. */
export interface ModelList {
  /** With their small files: configs and vocabularies. */
  readonly pipelines: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly files: readonly {
    readonly name: string;
    /** Which Stable Diffusion it is, in words. */
    readonly title: string;
    /** The tokenizer beside it; null where there is none. */
    readonly tokenizer: string | null;
  }[];
  readonly loras: readonly string[];
  /** The folders of tokenizers, with the files that are read of each. */
  readonly tokenizers: readonly { readonly name: string; readonly files: readonly string[] }[];
}

/** What each kind of thing is served of. */
const FILES: Readonly<Record<Found["kind"], Served>> = {
  pipeline: [
    [/^([\w-]+\/)?[\w.-]+\.json$/, "application/json"],
    [/^([\w-]+\/)?[\w.-]+\.safetensors$/, "application/octet-stream"],
    [/^tokenizer(_2)?\/merges\.txt$/, "text/plain; charset=utf-8"],
  ],
  tokenizer: [
    [/^[\w.-]+\.json$/, "application/json"],
    [/^merges\.txt$/, "text/plain; charset=utf-8"],
  ],
  weights: [[/\.safetensors$/, "application/octet-stream"]],
};

/** Something in the folder, before its content is looked at. */
interface Found {
  readonly kind: "pipeline" | "tokenizer" | "weights";
  readonly path: string;
  /** Small ones of a pipeline, or a tokenizer. */
  readonly files: readonly string[];
}

export class Models {
  readonly #root: string;
  readonly #contents = new Unchanged(contentOf, MOST);

  /** @param root the folder in which they are; it need not exist yet */
  constructor(root: string) {
    this.#root = root;
  }

  async list(): Promise<ModelList> {
    const found = await this.#found();
    const named = (kind: Found["kind"]) =>
      found.flatMap((one) => (one.kind === kind ? [{ ...one, name: nameOf(this.#root, one.path) }] : []));
    const listed = (kind: Found["kind"]) => named(kind).map(({ name, files }) => ({ name, files }));
    const tokenizers = listed("tokenizer");
    const weights = await Promise.all(
      named("weights").map(async ({ path, name }) => {
        const content = await this.#contents.read(path).catch(() => null);
        return { name, content, beside: nameOf(this.#root, join(dirname(path), TOKENIZER)) };
      }),
    );
    return {
      pipelines: listed("pipeline"),
      files: weights.flatMap(({ name, content, beside }) => {
        if (content === null || content === "lora") return [];
        const hasOwn = tokenizers.some((tokenizer) => tokenizer.name === beside);
        return [{ name, title: content.title, tokenizer: hasOwn ? beside : null }];
      }),
      loras: weights.flatMap(({ name, content }) => (content === "lora" ? [name] : [])),
      tokenizers,
    };
  }

  /**
   * Sends a file of a listed thing.
   * @param name what the list calls it
   * @param path from its folder, with "/"; "" for what is a file itself
   * @throws HttpError for what is not listed, or not served
   */
  async send(response: ServerResponse, name: string, path: string): Promise<void> {
    const one = (await this.#found()).find((found) => nameOf(this.#root, found.path) === name);
    if (one === undefined) throw new HttpError(404, `there is no model "${name}" in ${this.#root}`);
    const isFile = one.kind === "weights";
    if (isFile !== (path === "")) throw new HttpError(404, `${name}/${path} is not served`);
    const [folder, file] = isFile ? [dirname(one.path), basename(one.path)] : [one.path, path];
    await sendFolderFile(response, folder, file, FILES[one.kind]);
  }

  async #found(): Promise<Found[]> {
    return (await foundIn(this.#root, DEPTH)).slice(0, MOST);
  }
}

/** Nothing is looked for inside of runs, models and pipelines, but the tokenizers of the last. */
async function foundIn(folder: string, depth: number): Promise<Found[]> {
  // A folder that is not there, or may not be read, has none.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (names.includes(MODEL_CONFIG)) return [];
  const isPipeline = names.includes(MODEL_INDEX);
  const own: Found[] = [];
  if (isPipeline) own.push({ kind: "pipeline", path: folder, files: await smallFiles(folder) });
  else {
    const weights = names.filter((name) => name.endsWith(WEIGHTS));
    own.push(...weights.map((name): Found => ({ kind: "weights", path: join(folder, name), files: [] })));
  }
  const files = clipTokenizerFiles(names);
  if (basename(folder) === TOKENIZER && files.every((name) => names.includes(name))) {
    own.push({ kind: "tokenizer", path: folder, files });
  }
  if (depth === 0) return own;
  const inner = entries.filter(
    (entry) => entry.isDirectory() && (isPipeline ? entry.name === TOKENIZER : !entry.name.startsWith(".")),
  );
  const deeper = await Promise.all(inner.map(({ name }) => foundIn(join(folder, name), depth - 1)));
  return [...own, ...deeper.flat()];
}

/** The configs and vocabularies of a pipeline, with those of its components. */
async function smallFiles(folder: string): Promise<string[]> {
  const served = FILES.pipeline.map(([pattern]) => pattern);
  const entries = await readdir(folder, { withFileTypes: true });
  const inside = entries.map(async (entry) => {
    if (entry.isFile()) return [entry.name];
    if (!entry.isDirectory()) return [];
    const inner = await readdir(join(folder, entry.name), { withFileTypes: true });
    return inner.flatMap((file) => (file.isFile() ? [`${entry.name}/${file.name}`] : []));
  });
  return (await Promise.all(inside))
    .flat()
    .filter((path) => !path.endsWith(WEIGHTS) && served.some((pattern) => pattern.test(path)));
}

/** What a file of weights is; null for what nothing here draws with. */
async function contentOf(path: string): Promise<"lora" | { readonly title: string } | null> {
  const file = await openSafetensors(path);
  try {
    const { names } = file;
    if (names.length > 0 && names.every((name) => !("other" in parseLoraName(name)))) return "lora";
    const found = originalVersion(names);
    if ("problem" in found || found.version === "xl-refiner") return null;
    return { title: ORIGINAL_LAYOUTS[found.version].title };
  } finally {
    await file.close();
  }
}
