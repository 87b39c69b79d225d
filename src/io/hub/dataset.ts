// Data sets on the Hub: a repository's contents (parquet files, zip archives, loose images), the files of a split, and
// their download. Splits are recognised by name, with the Hub's own rules for repositories without a configuration:
// data/train-00000-of-00002.parquet, train/cat.png, test.zip.

import { paths } from "#platform";
import { HubError } from "./errors.ts";
import { HUB_PREFIX, parentOf } from "./name.ts";
import { type FetchOptions, fetchFiles, type HubRepo, type ListOptions, listRepo } from "./repo.ts";

const { join } = paths;

/** How a data set's images lie in its repository: in parquet files, in zip archives, or loose in a folder. */
export type DatasetKind = "parquet" | "zip" | "folder";

/** A data set of the Hub, downloaded. */
export interface HubDataset {
  /** How its images lie in `paths`. */
  readonly kind: DatasetKind;
  /** The parquet or zip files, sorted by name; for loose images, their one folder. */
  readonly paths: readonly string[];
  /** The repository's root on this machine, which contains `paths`. */
  readonly root: string;
  /** Their commit. */
  readonly revision: string;
}

/** Which part of a data set to download, and how. */
export interface DatasetOptions extends ListOptions, FetchOptions {
  /** A branch, a tag or a commit. Default: the main branch. */
  readonly revision?: string | undefined;
  /**
   * Which part: "train", "test", ..., or "FOLDER/train" where a repository has several configurations, each in its
   * folder. Default: train if it exists, or everything if there are no parts.
   */
  readonly split?: string | undefined;
}

/** The branch of the Hub's own conversion to parquet. */
const CONVERTED = "refs/convert/parquet";
const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;
/** Files that label loose images. */
const METADATA = /(^|\/)metadata\.(csv|jsonl)$/;

/** Names that mean the same split. */
const SPLITS: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};

/**
 * Downloads a split of a data set.
 * @param id "OWNER/NAME"
 * @throws HubError, FileError, in one line
 */
export async function fetchDataset(id: string, options: DatasetOptions = {}): Promise<HubDataset> {
  let repo = await listRepo("dataset", id, options.revision, options);
  let kind = kindOf(repo);
  if (kind === undefined && options.revision === undefined) {
    const converted = await listRepo("dataset", id, CONVERTED, { ...options, settings: repo.settings }).catch(
      (error: unknown) => {
        if (error instanceof HubError && error.reason !== "network") return undefined;
        throw error;
      },
    );
    if (converted !== undefined) [repo, kind] = [converted, kindOf(converted)];
  }
  if (kind === undefined) {
    throw new HubError(
      "content",
      `${HUB_PREFIX}${id}: there are no parquet files, zip archives or images in it`,
    );
  }
  const paths = splitOf(repo, dataFiles(repo, kind), options.split);
  if (!repo.isComplete) checkShards(repo, paths);
  const others = kind === "folder" ? metadataOf(repo, paths) : [];
  const local = await fetchFiles(repo, [...paths, ...others], options);
  const found = { kind, root: repo.folder, revision: repo.commit };
  if (kind !== "folder") return { ...found, paths: local };
  return { ...found, paths: [join(repo.folder, ...commonFolder([...paths, ...others]))] };
}

function kindOf(repo: HubRepo): DatasetKind | undefined {
  return (["parquet", "zip", "folder"] as const).find((kind) => dataFiles(repo, kind).length > 0);
}

function dataFiles({ files }: HubRepo, kind: DatasetKind): string[] {
  const pattern = kind === "parquet" ? /\.parquet$/i : kind === "zip" ? /\.zip$/i : IMAGE;
  return files
    .map(({ path }) => path)
    .filter((path) => pattern.test(path) && !path.split("/").some((part) => part.startsWith(".")))
    .sort();
}

/** The files of the requested split. */
function splitOf({ label }: HubRepo, paths: readonly string[], asked: string | undefined): readonly string[] {
  const splits = new Map<string, string[]>();
  for (const path of paths) {
    const name = splitName(path);
    const others = splits.get(name);
    if (others) others.push(path);
    else splits.set(name, [path]);
  }
  const [folder, wanted] = splitAsked(asked);
  // A class's folder may have the name of a split.
  if (asked === undefined && splits.has("") && paths.every((path) => IMAGE.test(path))) return paths;
  const known = [...splits.keys()].filter((name) => name !== "").sort();
  const whole = splits.get("") ?? [];
  const name =
    wanted ?? (splits.has("train") ? "train" : known.length === 1 && whole.length === 0 ? known[0] : "");
  let found = (name !== undefined && splits.get(name)) || [];
  // If no name contains a split, all files are training data, as on the Hub.
  if (found.length === 0 && name === "train" && known.length === 0) found = whole;
  if (found.length === 0) {
    const has = known.length === 0 ? "it has no splits" : `it has ${known.join(", ")}`;
    throw new HubError(
      "content",
      `${label}: ${asked === undefined ? "it is not clear which split is meant" : `there is no split "${asked}"`}; ${has}; choose with --split`,
    );
  }
  return configurationOf(label, found, folder, name ?? "");
}

/** The files of one configuration, where several have a folder each. */
function configurationOf(
  label: string,
  paths: readonly string[],
  folder: string | undefined,
  split: string,
): readonly string[] {
  // Loose images are in folders by class; only shards have configurations.
  if (paths.every((path) => IMAGE.test(path))) return paths;
  const configurations = new Set(paths.map(configurationName));
  if (folder === undefined && configurations.size === 1) return paths;
  const chosen = folder ?? (configurations.has("default") ? "default" : undefined);
  const found = paths.filter((path) => configurationName(path) === chosen);
  if (found.length > 0) return found;
  const names = [...configurations]
    .sort()
    .map((name) => (name === "" ? split : `${name}/${split || "train"}`));
  throw new HubError(
    "content",
    `${label}: ${chosen === undefined ? "it has several configurations" : `there is no configuration "${chosen}"`}; choose with --split ${names.join(" or ")}`,
  );
}

/** The first folder of a path, unless it is a split's or is "data"; "" for none. */
function configurationName(path: string): string {
  const [first = "", ...rest] = path.split("/");
  return rest.length === 0 || first === "data" || folderSplit(first) !== "" ? "" : first;
}

function splitAsked(asked: string | undefined): [folder: string | undefined, split: string | undefined] {
  if (asked === undefined) return [undefined, undefined];
  const at = asked.lastIndexOf("/");
  const name = asked.slice(at + 1);
  return [at < 0 ? undefined : asked.slice(0, at), folderSplit(name) || name];
}

/** The split named by a file, or by one of its folders; "" for none. */
function splitName(path: string): string {
  const parts = path.split("/");
  const file = parts.pop() ?? "";
  // In SPLIT-00000-of-00002.parquet, SPLIT may be any name.
  const [, sharded] = /^(.+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.\w+$/.exec(file) ?? [];
  if (sharded !== undefined) return wordSplit(sharded) || sharded;
  if (!IMAGE.test(file)) {
    const spoken = wordSplit(file.replace(/\.\w+$/, ""));
    if (spoken !== "") return spoken;
  }
  // Deeper folders of images are classes.
  const folders = IMAGE.test(file) ? parts.slice(0, 2) : parts;
  return folders.map(folderSplit).find((name) => name !== "") ?? "";
}

/** The split of a folder whose whole name is one of a split's names; "" for none. */
function folderSplit(name: string): string {
  return Object.keys(SPLITS).find((split) => SPLITS[split]?.includes(name.toLowerCase())) ?? "";
}

/** The split of a name that contains one of a split's names as a word; "" for none. */
function wordSplit(name: string): string {
  const words = new Set(name.toLowerCase().split(/[^a-z]+/));
  return Object.keys(SPLITS).find((split) => SPLITS[split]?.some((word) => words.has(word))) ?? "";
}

/** metadata.csv and metadata.jsonl in the folders of images, and in those above. */
function metadataOf({ files }: HubRepo, images: readonly string[]): string[] {
  const folders = new Set<string>([""]);
  for (const path of images) {
    for (let folder = parentOf(path); folder !== "." && !folders.has(folder); folder = parentOf(folder)) {
      folders.add(folder);
    }
  }
  const folderOf = (path: string) => (path.includes("/") ? parentOf(path) : "");
  return files.map(({ path }) => path).filter((path) => METADATA.test(path) && folders.has(folderOf(path)));
}

/** The deepest folder that contains all paths, as path segments. */
function commonFolder(paths: readonly string[]): string[] {
  const [first = [], ...others] = paths.map((path) => path.split("/").slice(0, -1));
  let depth = first.length;
  for (const parts of others) {
    let same = 0;
    while (same < depth && parts[same] === first[same]) same++;
    depth = same;
  }
  return first.slice(0, depth);
}

/** A cache filled by another program may lack shards; their names say how many there are. */
function checkShards(repo: HubRepo, paths: readonly string[]): void {
  for (const path of paths) {
    const [, count] = /-\d{5}-of-(\d{5})/.exec(path) ?? [];
    if (count === undefined || Number(count) === paths.length) continue;
    throw new HubError(
      "offline",
      `${repo.label}: the cache holds ${paths.length} of ${Number(count)} files; download the others with a network`,
    );
  }
}
