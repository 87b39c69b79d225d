// Parquet files, row group by row group, read by hyparquet. The footer is checked against the file before it is used:
// offsets of columns, numbers of rows, and the memory that each part would take.

import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { decompressLz4, decompressLz4Raw, decompressSnappy, decompressZstd } from "hyparquet-compressors";
import * as v from "valibot";
import { compression } from "#platform";
import { errorCode, explainSystemError, FileError, firstLine } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";
import { explainForeign } from "./foreign.ts";
import { openFile } from "./open_file.ts";

/** The kinds of columns that matter here. */
export type ParquetType = "image struct" | "binary" | "string" | "integer" | "other";

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** The column's feature in Hugging Face datasets, if the file has it: "Image", "ClassLabel", ... */
  readonly feature?: string;
  /** Class names of a ClassLabel, by number. */
  readonly classNames?: readonly string[];
}

/** An open file. */
export interface ParquetFile {
  readonly rows: number;
  /** Rows of each row group. */
  readonly groups: readonly number[];
  /** The top-level columns, in the file's order. */
  readonly columns: readonly ParquetColumn[];
  /**
   * The rows of a row group; binary values are bytes, 64-bit integers are bigint, absent values undefined.
   * @throws FileError if it is damaged, or too large for memory
   */
  readGroup(group: number, columns: readonly string[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** Larger footers (bytes) are not read, nor larger columns of one row group, packed or unpacked. */
const MAX_FOOTER_BYTES = 2 ** 28;
const MAX_PIECE_BYTES = 2 ** 31;
/** The last bytes of a file: the footer's length, and "PAR1". */
const TAIL_BYTES = 8;
const MAGIC = 0x31524150;

/** @throws FileError, in one line, for an invalid parquet file */
export async function openParquet(path: string): Promise<ParquetFile> {
  const file = await openFile(path);
  try {
    const size = await file.size();
    await checkTail(file, size, path);
    const buffer = rangesOf(file, size, path);
    const metadata = await parquetMetadataAsync(buffer, { geoparquet: false });
    const groups = checkRows(metadata, path);
    return {
      rows: groups.reduce((sum, rows) => sum + rows, 0),
      groups,
      columns: columnsOf(metadata),
      readGroup: (group, columns) => readGroup({ buffer, metadata, groups, path }, group, columns),
      close: () => file.close(),
    };
  } catch (error) {
    const explained = explainParquetError(error, path);
    throw await explainForeign(explained, file, path, "a parquet file").finally(() => file.close());
  }
}

async function checkTail(file: OpenFile, size: number, path: string): Promise<void> {
  const tail =
    size < TAIL_BYTES + 4 ? undefined : new DataView(await file.read(size - TAIL_BYTES, TAIL_BYTES));
  if (tail === undefined || tail.getUint32(4, true) !== MAGIC) {
    throw new FileError(
      path,
      "not a parquet file, or cut short (it does not end in PAR1); copy or download it again",
    );
  }
  const footer = tail.getUint32(0, true);
  if (footer > size - TAIL_BYTES - 4 || footer > MAX_FOOTER_BYTES) {
    throw new FileError(
      path,
      `the file is damaged: its footer is to be ${footer} bytes of the file's ${size}; copy or download it again`,
    );
  }
}

/** The file, in hyparquet's interface. */
function rangesOf(file: OpenFile, size: number, path: string): AsyncBuffer {
  return {
    byteLength: size,
    slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size && end - start <= MAX_PIECE_BYTES)) {
        throw new FileError(
          path,
          `the file is damaged: it places data at bytes ${start} to ${end} of ${size}; copy or download it again`,
        );
      }
      return file.read(start, end - start);
    },
  };
}

function checkRows({ num_rows, row_groups }: FileMetaData, path: string): number[] {
  const groups = row_groups.map((group) => Number(group.num_rows));
  const sum = groups.reduce((total, rows) => total + rows, 0);
  if (sum !== Number(num_rows) || groups.some((rows) => !Number.isSafeInteger(rows) || rows < 0)) {
    throw new FileError(
      path,
      `the file is damaged: its row groups have ${sum} rows, the whole ${num_rows}; copy or download it again`,
    );
  }
  return groups;
}

interface Reading {
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly groups: readonly number[];
  readonly path: string;
}

async function readGroup(
  { buffer, metadata, groups, path }: Reading,
  group: number,
  columns: readonly string[],
): Promise<Record<string, unknown>[]> {
  const rowGroup = metadata.row_groups[group];
  const rows = groups[group];
  if (rowGroup === undefined || rows === undefined) throw new RangeError(`${path}: no row group ${group}`);
  for (const { meta_data } of rowGroup.columns) {
    if (meta_data === undefined || !columns.includes(meta_data.path_in_schema[0] ?? "")) continue;
    const { total_compressed_size, total_uncompressed_size } = meta_data;
    if (total_compressed_size > MAX_PIECE_BYTES || total_uncompressed_size > MAX_PIECE_BYTES) {
      throw new FileError(
        path,
        `${rows} rows are written in one piece of ${total_uncompressed_size} bytes, where ${MAX_PIECE_BYTES} are allowed; write the file anew with smaller row groups (pyarrow: row_group_size=1000)`,
      );
    }
  }
  const rowStart = groups.slice(0, group).reduce((sum, count) => sum + count, 0);
  try {
    const found = await parquetReadObjects({
      file: buffer,
      metadata,
      columns: [...columns],
      rowStart,
      rowEnd: rowStart + rows,
      utf8: false,
      geoparquet: false,
      compressors: COMPRESSORS,
    });
    if (found.length !== rows) throw new Error(`${found.length} of ${rows} rows`);
    return found;
  } catch (error) {
    throw explainParquetError(error, path);
  }
}

/** Every codec, each limited to the size of a page. */
const COMPRESSORS: Compressors = Object.fromEntries(
  Object.entries<NonNullable<Compressors["SNAPPY"]>>({
    SNAPPY: decompressSnappy,
    LZ4: decompressLz4,
    LZ4_RAW: decompressLz4Raw,
    GZIP: (input, length) => compression.gunzip(input, length),
    BROTLI: (input, length) => compression.brotli(input, length),
    ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
  }).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (!(length >= 0 && length <= MAX_PIECE_BYTES)) throw new Error(`a page of ${length} bytes`);
      return unpack(input, length);
    },
  ]),
);

function columnsOf(metadata: FileMetaData): ParquetColumn[] {
  const features = featuresOf(metadata);
  return parquetSchema(metadata).children.map((tree) => {
    const { name } = tree.element;
    const feature = features.get(name);
    return {
      name,
      type: typeOf(tree),
      ...(feature !== undefined && { feature: feature._type }),
      ...(feature?.names !== undefined && { classNames: feature.names }),
    };
  });
}

function typeOf({ element, children }: SchemaTree): ParquetType {
  if (element.repetition_type === "REPEATED") return "other";
  if (children.length > 0) {
    const bytes = children.find((child) => child.element.name === "bytes");
    const isBytes = bytes?.element.type === "BYTE_ARRAY" && bytes.children.length === 0;
    return isBytes ? "image struct" : "other";
  }
  const { type, logical_type, converted_type } = element;
  if (type === "BYTE_ARRAY") {
    const isText =
      logical_type?.type === "STRING" || converted_type === "UTF8" || logical_type?.type === "ENUM";
    return isText
      ? "string"
      : logical_type === undefined && converted_type === undefined
        ? "binary"
        : "other";
  }
  const isWhole = logical_type === undefined || logical_type.type === "INTEGER";
  const isPlain = converted_type === undefined || /^U?INT_/.test(converted_type);
  return (type === "INT32" || type === "INT64") && isWhole && isPlain ? "integer" : "other";
}

const featureSchema = v.object({
  _type: v.string(),
  names: v.exactOptional(v.pipe(v.array(v.string()), v.maxLength(1_000_000))),
});
const infoSchema = v.object({ info: v.object({ features: v.record(v.string(), v.unknown()) }) });

/** The features that Hugging Face datasets wrote for the columns; empty for files from elsewhere. */
function featuresOf(metadata: FileMetaData): Map<string, v.InferOutput<typeof featureSchema>> {
  const found = new Map<string, v.InferOutput<typeof featureSchema>>();
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  if (text === undefined) return found;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return found;
  }
  const info = v.safeParse(infoSchema, json);
  if (!info.success) return found;
  for (const [name, feature] of Object.entries(info.output.info.features)) {
    const parsed = v.safeParse(featureSchema, feature);
    if (parsed.success) found.set(name, parsed.output);
  }
  return found;
}

function explainParquetError(error: unknown, path: string): unknown {
  if (error instanceof FileError || !(error instanceof Error)) return error;
  const code = errorCode(error);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return explainSystemError(error, "read the file", path);
  return new FileError(
    path,
    `the parquet file cannot be read (${firstLine(error).slice(0, 120)}); copy or download it again, or write it anew`,
    { cause: error },
  );
}
