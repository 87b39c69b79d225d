// Chooses the columns of a parquet file that hold images and labels.
import type { ParquetColumn } from "../../io/parquet.ts";
import { DataError } from "../errors.ts";
import { LABEL_COLUMN } from "./file_labels.ts";

/** Usual names of image columns, which decide between several candidates. */
const USUAL_NAMES = ["image", "img", "images"];

/**
 * The column of images: the named one; otherwise the one that Hugging Face datasets wrote as Image; otherwise the one
 * with its structure (a struct with bytes); otherwise the only one of plain bytes. Of several, one named "image" or
 * "img".
 * @throws DataError that lists the columns, where there is none or the choice is ambiguous
 */
export function imageColumn(
  name: string,
  columns: readonly ParquetColumn[],
  asked: string | undefined,
): ParquetColumn {
  const canHold = columns.filter(({ type }) => type === "image struct" || type === "binary");
  if (asked !== undefined)
    return askedColumn(name, columns, asked, canHold, "holds no image files (bytes, or a struct with bytes)");
  const kinds = [
    canHold.filter(({ feature }) => feature === "Image"),
    canHold.filter(({ type }) => type === "image struct"),
    canHold,
  ];
  const candidates = kinds.find((kind) => kind.length > 0) ?? [];
  const usual = USUAL_NAMES.map((usualName) => candidates.find((column) => column.name === usualName));
  const found = candidates.length === 1 ? candidates[0] : usual.find((column) => column !== undefined);
  if (found !== undefined) return found;
  const problem =
    candidates.length === 0 ? "there is no column of images" : "several columns could hold the images";
  throw new DataError(
    `${name}: ${problem}; columns: ${listed(columns)}; name the one of images with imageColumn (--image-column)`,
  );
}

/**
 * The column of labels: the named one; otherwise "label"; otherwise the only one that Hugging Face datasets wrote as
 * ClassLabel; undefined where there is none or more than one.
 * @throws DataError that lists the columns, where the named one is missing or holds no labels
 */
export function labelColumn(
  name: string,
  columns: readonly ParquetColumn[],
  asked: string | undefined,
): ParquetColumn | undefined {
  const canHold = columns.filter(({ type }) => type === "string" || type === "integer" || type === "binary");
  if (asked !== undefined)
    return askedColumn(name, columns, asked, canHold, "holds no labels (text or whole numbers)");
  const named = canHold.find((column) => column.name === LABEL_COLUMN && column.type !== "binary");
  const written = canHold.filter(({ feature }) => feature === "ClassLabel");
  return named ?? (written.length === 1 ? written[0] : undefined);
}

/** @throws DataError that lists the columns, where the named one is missing or of an unsuitable type */
function askedColumn(
  name: string,
  columns: readonly ParquetColumn[],
  asked: string,
  canHold: readonly ParquetColumn[],
  problem: string,
): ParquetColumn {
  const found = columns.find((column) => column.name === asked);
  if (found !== undefined && canHold.includes(found)) return found;
  const column = `column ${JSON.stringify(asked)}`;
  const what = found === undefined ? `there is no ${column}` : `${column} ${problem}`;
  throw new DataError(`${name}: ${what}; columns: ${listed(columns)}`);
}

const listed = (columns: readonly ParquetColumn[]): string =>
  columns.map(({ name, type, feature }) => `${name} (${feature ?? type})`).join(", ") || "none";
