// The tables metadata.csv and metadata.jsonl: values of each image, by its file name.
import { tables } from "#platform";
import { foreignContent } from "../../io/foreign.ts";
import { firstLine } from "../../platform/errors.ts";
import { DataError } from "../errors.ts";

/** In the order of the search. */
export const METADATA_FILES = ["metadata.csv", "metadata.jsonl"] as const;
/** Largest accepted table (bytes). */
export const MAX_METADATA_BYTES = 2 ** 28;
/** Largest accepted row (bytes). */
const MAX_ROW_BYTES = 2 ** 20;
/** Possible columns of file names; the first that exists is used. */
const NAME_COLUMNS = ["file_name", "file"];

export interface Metadata {
  readonly columns: readonly string[];
  /** The column of file names, if there is one. */
  readonly nameColumn: string | undefined;
  /** A column's value for a file; undefined where there is none. */
  valueOf(file: string, column: string): string | undefined;
}

/**
 * Parses a table.
 * @param name of the table, for errors; its extension gives the format
 * @throws DataError, in one line, for text that is not a table
 */
export async function parseMetadata(name: string, text: string): Promise<Metadata> {
  const foreign = foreignContent(text, "a table");
  if (foreign !== undefined) throw new DataError(`${name}: this is ${foreign}`);
  return name.endsWith(".jsonl") ? fromJsonLines(name, text) : fromCsv(name, text);
}

async function fromCsv(name: string, text: string): Promise<Metadata> {
  let records: string[][];
  try {
    records = await tables.csvRows(text, MAX_ROW_BYTES);
  } catch (error) {
    const problem = firstLine(error).slice(0, 160);
    throw new DataError(`${name}: not a table of comma-separated values: ${problem}`, { cause: error });
  }
  const [columns = [], ...rows] = records;
  return table(
    columns,
    rows.map((row) => row.map((value) => (value === "" ? undefined : value))),
  );
}

function fromJsonLines(name: string, text: string): Metadata {
  const columns: string[] = [];
  const places = new Map<string, number>();
  const rows: (string | undefined)[][] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const row: (string | undefined)[] = [];
    for (const [key, value] of Object.entries(parseLine(name, line, i + 1))) {
      const place = places.get(key) ?? columns.push(key) - 1;
      places.set(key, place);
      row[place] = textOf(value);
    }
    rows.push(row);
  }
  return table(columns, rows);
}

function parseLine(name: string, line: string, number: number): object {
  try {
    const value: unknown = JSON.parse(line);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // Reported below.
  }
  throw new DataError(`${name}: line ${number} is not a JSON object; write one object a line`);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function table(columns: readonly string[], rows: readonly (string | undefined)[][]): Metadata {
  const nameColumn = NAME_COLUMNS.find((name) => columns.includes(name));
  const byFile = new Map<string, readonly (string | undefined)[]>();
  if (nameColumn !== undefined) {
    const place = columns.indexOf(nameColumn);
    for (const row of rows) {
      const file = row[place];
      if (file !== undefined) byFile.set(file.replace(/^\.\//, ""), row);
    }
  }
  return {
    columns,
    nameColumn,
    valueOf: (file, column) => byFile.get(file)?.[columns.indexOf(column)],
  };
}
