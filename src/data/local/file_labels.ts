// Labels of image files: from a table next to them, or from their folders.
import { DataError } from "../errors.ts";
import type { ClassLabels } from "../image_source.ts";
import { classLabels } from "./labels.ts";
import { METADATA_FILES, type Metadata, parseMetadata } from "./metadata.ts";
import { splitOfFolder } from "./splits.ts";

/** The label column used by default. */
export const LABEL_COLUMN = "label";

/** The files of a folder, a list or an archive. */
export interface FileTree {
  /** The source's name, for errors. */
  readonly name: string;
  /** Paths of the images, with "/". */
  readonly paths: readonly string[];
  /** Reads a text file from the same tree; undefined where it does not exist. */
  readText(path: string): Promise<string | undefined>;
}

export interface FoundLabels {
  readonly labels?: ClassLabels;
  readonly warnings: readonly string[];
}

/**
 * Finds the labels of image files.
 * @param labelColumn a column of metadata.csv or metadata.jsonl. Default: the column "label" of that table; else the
 *   folders, if every image lies in one of several sibling folders; else no labels
 * @throws DataError, in one line, where the named column is missing or has gaps
 */
export async function labelsOfFiles(tree: FileTree, labelColumn: string | undefined): Promise<FoundLabels> {
  const common = commonFolder(tree.paths);
  if (labelColumn !== undefined) return { labels: await askedFor(tree, common, labelColumn), warnings: [] };
  try {
    const found = await findMetadata(tree, common);
    if (found?.table.nameColumn !== undefined && found.table.columns.includes(LABEL_COLUMN)) {
      return { labels: await fromTable(tree, found, LABEL_COLUMN), warnings: [] };
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { warnings: [`${error.message}; the images are read without labels`] };
  }
  const labels = fromFolders(tree.paths, common);
  return { ...(labels !== undefined && { labels }), warnings: [] };
}

interface FoundTable {
  readonly table: Metadata;
  readonly path: string;
  /** Names in the table are relative to this folder: "" or a path with "/" at its end. */
  readonly folder: string;
}

async function askedFor(tree: FileTree, common: string, column: string): Promise<ClassLabels> {
  const found = await findMetadata(tree, common);
  if (found === undefined) {
    throw new DataError(
      `${tree.name}: there is no ${METADATA_FILES.join(" or ")} with the labels ${JSON.stringify(column)}; write one with the columns file_name and ${column}`,
    );
  }
  const { table, path } = found;
  const columns = `its columns: ${table.columns.join(", ")}`;
  if (!table.columns.includes(column)) {
    throw new DataError(`${tree.name}: ${path} has no column ${JSON.stringify(column)}; ${columns}`);
  }
  if (table.nameColumn === undefined) {
    throw new DataError(
      `${tree.name}: ${path} has no column file_name (or file) with the images' names; ${columns}`,
    );
  }
  return fromTable(tree, found, column);
}

/** The table next to the images or in a folder above them, the nearest first. */
async function findMetadata(tree: FileTree, common: string): Promise<FoundTable | undefined> {
  for (let folder = common; ; folder = folder.replace(/[^/]*\/$/, "")) {
    for (const file of METADATA_FILES) {
      const path = `${folder}${file}`;
      const text = await tree.readText(path);
      if (text === undefined) continue;
      return { table: await parseMetadata(`${tree.name}: ${path}`, text), path, folder };
    }
    if (folder === "" || !folder.includes("/")) return undefined;
  }
}

function fromTable(
  { name, paths }: FileTree,
  { table, path, folder }: FoundTable,
  column: string,
): ClassLabels {
  const labels = classLabels(paths.map((image) => table.valueOf(image.slice(folder.length), column)));
  if ("names" in labels) return labels;
  const { missing, first } = labels;
  throw new DataError(
    `${name}: ${missing} of ${paths.length} images have no ${JSON.stringify(column)} in ${path}, the first of them ${JSON.stringify(paths[first])}; fill it in`,
  );
}

function fromFolders(paths: readonly string[], common: string): ClassLabels | undefined {
  const folders = paths.map((path) => /^([^/]+)\/[^/]+$/.exec(path.slice(common.length))?.[1]);
  const distinct = new Set(folders);
  if (distinct.size < 2 || [...distinct].every((folder) => splitOfFolder(folder ?? "") !== undefined)) {
    return undefined;
  }
  const labels = classLabels(folders);
  return "names" in labels ? labels : undefined;
}

/** The folder that contains all paths, with "/" at its end, or "". */
function commonFolder(paths: readonly string[]): string {
  const [first = ""] = paths;
  let common = first.slice(0, first.lastIndexOf("/") + 1);
  for (const path of paths) {
    while (!path.startsWith(common)) common = common.replace(/[^/]*\/$/, "");
  }
  return common;
}
