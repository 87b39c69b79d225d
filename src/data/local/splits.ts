// Splits (train, test, validation), recognised by names of folders and files as in Hugging Face datasets.
import { DataError } from "../errors.ts";

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};

const CANONICAL: ReadonlyMap<string, string> = new Map(
  Object.entries(KEYWORDS).flatMap(([split, words]) => words.map((word) => [word, split])),
);

/** train-00000-of-00004-0123abcd.parquet */
const SHARD = /^(.+?)-\d{5}-of-\d{5}/;

/** "val" -> "validation"; other names are unchanged. */
const canonicalSplit = (name: string): string => CANONICAL.get(name.toLowerCase()) ?? name;

/** The split given by a folder's name, if it is one of the usual names. */
export const splitOfFolder = (name: string): string | undefined => CANONICAL.get(name.toLowerCase());

/** The split of a parquet file by its path in the data set; undefined for other paths. */
function splitOfFile(path: string): string | undefined {
  const parts = path.split("/");
  const file = parts.pop() ?? "";
  const shard = SHARD.exec(file)?.[1];
  if (shard !== undefined) return canonicalSplit(shard);
  for (const folder of parts.reverse()) {
    const split = splitOfFolder(folder);
    if (split !== undefined) return split;
  }
  return splitOfFolder(file.split(/[-_. ]/, 1)[0] ?? "");
}

/**
 * The parquet files of a split; by default those of "train" where there are several splits.
 * @param name of the source, for errors
 * @throws DataError that lists the splits, where the named one is missing or the choice is ambiguous
 */
export function chooseFiles(
  name: string,
  paths: readonly string[],
  split: string | undefined,
): { paths: string[]; left: string[] } {
  const of = paths.map(splitOfFile);
  const found = [...new Set(of.map((one) => one ?? "no split"))].sort();
  const wanted = split === undefined ? undefined : canonicalSplit(split);
  if (wanted === undefined && found.length < 2) return { paths: [...paths], left: [] };
  const chosen = wanted ?? "train";
  const kept = paths.filter((_, i) => of[i] === chosen);
  if (kept.length === 0) {
    const known = of.some((one) => one !== undefined)
      ? `found: ${found.join(", ")}`
      : "the names of the files tell of none";
    throw new DataError(
      split === undefined
        ? `${name}: the files are of several splits; ${known}; choose one with split (--split)`
        : `${name}: there is no split ${JSON.stringify(split)}; ${known}`,
    );
  }
  return { paths: kept, left: wanted === undefined ? found.filter((one) => one !== chosen) : [] };
}

/**
 * The images in folders named like the split, at any depth.
 * @throws DataError that lists the folders, where there is none
 */
export function chooseImages(name: string, paths: readonly string[], split: string | undefined): string[] {
  if (split === undefined) return [...paths];
  const wanted = canonicalSplit(split);
  const foldersOf = (path: string) => path.split("/").slice(0, -1);
  const kept = paths.filter((path) => foldersOf(path).some((folder) => canonicalSplit(folder) === wanted));
  if (kept.length === 0) {
    const folders = [...new Set(paths.flatMap(foldersOf))].sort();
    const found = folders.length === 0 ? "no folders" : folders.slice(0, 10).join(", ");
    throw new DataError(
      `${name}: there is no folder ${JSON.stringify(split)} for this split; found: ${found}`,
    );
  }
  return kept;
}
