// Samples of WebDataset: the files of an archive whose paths are the same up to the first dot of their name. The rest of
// the name is the field: 0001.jpg with 0001.cls, the number of its class, and 0001.json.
import { printable, quoted } from "../../io/printable.ts";
import { DataError } from "../errors.ts";
import type { FoundLabels } from "./file_labels.ts";
import { isImageName } from "./files.ts";
import { inOrder } from "./in_order.ts";
import { classLabels } from "./labels.ts";

/** The fields with labels. */
const CLASS = "cls";
const JSON_TEXT = "json";

/** Largest accepted files of these fields (bytes). */
const MAX_CLASS_BYTES = 256;
const MAX_JSON_BYTES = 2 ** 20;
/** Files read at once, and fields that an error names. */
const READS_AT_ONCE = 32;
const LISTED = 12;

export interface Sample {
  /** Paths of its files. */
  readonly image: string;
  readonly cls: string | undefined;
  readonly json: string | undefined;
}

/** The key of a path, and its field in lower case. */
function partsOf(path: string): readonly [key: string, field: string] {
  const dot = path.indexOf(".", path.lastIndexOf("/") + 1);
  return dot < 0 ? [path, ""] : [path.slice(0, dot), path.slice(dot + 1).toLowerCase()];
}

/** Whether a file may say something about an image. */
export function isAboutSample(path: string): boolean {
  const [, field] = partsOf(path);
  return field === CLASS || field === JSON_TEXT;
}

/**
 * The samples with an image; undefined if no file belongs to an image, and none of several is chosen.
 * @param paths of images and of files about them, sorted
 * @param imageColumn the field of the images
 * @throws DataError that lists the fields, where it is not clear which image of a sample is meant
 */
export function samplesOf(
  name: string,
  paths: readonly string[],
  imageColumn: string | undefined,
): { readonly samples: readonly Sample[]; readonly warnings: readonly string[] } | undefined {
  const images = new Map<string, Map<string, string>>();
  for (const path of paths.filter(isImageName)) {
    const [key, field] = partsOf(path);
    const fields = images.get(key) ?? new Map<string, string>();
    images.set(key, fields.set(field, path));
  }
  const about = new Map(paths.filter(isAboutSample).map((path) => [partsOf(path).join("."), path]));
  const aboutOf = (key: string, field: string) => about.get(`${key}.${field}`);
  const keys = [...images.keys()];
  const asked = imageColumn?.toLowerCase();
  const areSamples = keys.some(
    (key) => aboutOf(key, CLASS) !== undefined || aboutOf(key, JSON_TEXT) !== undefined,
  );
  if (!areSamples && asked === undefined) return undefined;
  const fields = [...new Set([...images.values()].flatMap((own) => [...own.keys()]))];
  const listed = `images: ${fields.slice(0, LISTED).map(printable).join(", ")}`;
  if (asked !== undefined && !fields.includes(asked)) {
    throw new DataError(`${name}: no sample has an image ${JSON.stringify(imageColumn)}; ${listed}`);
  }
  const samples: Sample[] = [];
  for (const [key, own] of images) {
    if (asked === undefined && own.size > 1) {
      throw new DataError(
        `${name}: sample ${quoted(key)} has several images; ${listed}; choose one with imageColumn (--image-column)`,
      );
    }
    const image = asked === undefined ? [...own.values()][0] : own.get(asked);
    if (image !== undefined) samples.push({ image, cls: aboutOf(key, CLASS), json: aboutOf(key, JSON_TEXT) });
  }
  const left = images.size - samples.length;
  const warning = `${name}: ${left} of ${images.size} samples have no image ${JSON.stringify(imageColumn)}, and are left out`;
  return { samples, warnings: left === 0 ? [] : [warning] };
}

type ReadText = (path: string, most: number) => Promise<string | undefined>;

/**
 * The labels of samples: the field "cls"; or, if another column is chosen, that of their JSON.
 * @returns undefined if the samples have no such field
 * @throws DataError, in one line, where the chosen column has gaps
 */
export async function labelsOfSamples(
  name: string,
  samples: readonly Sample[],
  labelColumn: string | undefined,
  readText: ReadText,
): Promise<FoundLabels | undefined> {
  const column = labelColumn ?? CLASS;
  const field = column === CLASS ? "cls" : "json";
  if (samples.every((sample) => sample[field] === undefined)) return undefined;
  try {
    const values: (string | undefined)[] = [];
    const labelAt = async (index: number): Promise<string | undefined> => {
      const path = samples[index]?.[field];
      if (path === undefined) return undefined;
      const text = await readText(path, field === "cls" ? MAX_CLASS_BYTES : MAX_JSON_BYTES);
      return field === "cls" ? text?.trim() : jsonValue(`${name}: ${path}`, text ?? "", column);
    };
    for await (const value of inOrder(samples.length, READS_AT_ONCE, labelAt))
      values.push(value || undefined);
    const labels = classLabels(values);
    if ("names" in labels) return { labels, warnings: [] };
    throw new DataError(
      `${name}: ${labels.missing} of ${samples.length} images have no ${JSON.stringify(column)}, the first of them ${quoted(samples[labels.first]?.image)}`,
    );
  } catch (error) {
    if (!(error instanceof DataError) || labelColumn !== undefined) throw error;
    return { warnings: [`${error.message}; the images are read without labels`] };
  }
}

function jsonValue(name: string, text: string, column: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${name}: not JSON text`, { cause: error });
  }
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Object.entries(value).find(([key]) => key === column)?.[1];
  return ["string", "number", "boolean"].includes(typeof found) ? String(found) : undefined;
}
