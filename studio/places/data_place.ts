// Where images are looked through: on the server, or in this browser. Both are asked in the same words.

import type { PlacedFile } from "imago/browser";
import * as v from "valibot";
import type { Pictures } from "../engine/messages.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const size = v.tuple([count, count]);

export const statusSchema = v.object({
  stage: v.nullable(v.object({ text: v.string(), share: v.nullable(v.number()) })),
  isRead: v.boolean(),
  isSearched: v.boolean(),
  problem: v.nullable(v.string()),
});
export type DataStatus = v.InferOutput<typeof statusSchema>;

export const dataSummarySchema = v.object({
  name: v.string(),
  count,
  size: v.object({ width: count, height: count }),
  channels: v.picklist([1, 3, 4]),
  labels: v.nullable(
    v.object({ classes: count, listed: v.array(v.object({ label: count, name: v.string(), count })) }),
  ),
  originals: v.nullable(
    v.object({
      ...{ smallest: size, median: size, largest: size, usual: v.object({ size, count }) },
      kinds: v.record(v.string(), count),
    }),
  ),
  broken: v.object({ files: count, listed: v.array(v.object({ file: v.string(), problem: v.string() })) }),
  warnings: v.array(v.string()),
});
export type DataSummary = v.InferOutput<typeof dataSummarySchema>;

export const nearSchema = v.object({
  judgedBy: v.string(),
  isComplete: v.boolean(),
  count,
  pairs: v.array(v.tuple([count, count, count])),
});
export type Near = v.InferOutput<typeof nearSchema>;

export const entriesSchema = v.array(
  v.object({
    index: count,
    name: v.string(),
    label: v.nullable(v.string()),
    original: v.nullable(v.object({ width: count, height: count, kind: v.string() })),
  }),
);
export type Entry = v.InferOutput<typeof entriesSchema>[number];

/** How images are read, as by imago data. */
export interface ImageForm {
  readonly size: { readonly width: number; readonly height: number };
  readonly channels: "auto" | 1 | 3 | 4;
  readonly fit: "crop" | "pad" | "stretch";
  readonly ground?: string;
  readonly split?: string;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
}

/** Which images: those of the user, the drawn ones, what the server finds at a path, or the data of a run there. */
export type DataOrigin =
  | { readonly kind: "files"; readonly files: readonly PlacedFile[] }
  | { readonly kind: "synthetic" }
  | { readonly kind: "source"; readonly source: string }
  | { readonly kind: "run"; readonly run: string };

/** Some images: these, or those from one on, of a class or of all. */
export type Choice =
  | { readonly images: readonly number[] }
  | { readonly from: number; readonly count: number; readonly label: number | null };

/** More entries and pictures are not asked for at once. */
export const MOST_AT_ONCE = 64;

export interface DataPlace {
  /** Begins to read. @returns what the data set is called there */
  open(from: DataOrigin, form: ImageForm): Promise<string>;
  status(id: string): Promise<DataStatus>;
  summary(id: string): Promise<DataSummary>;
  near(id: string): Promise<Near>;
  entries(id: string, choice: Choice): Promise<Entry[]>;
  /** @param side the longest side of each; undefined for as large as they are */
  pictures(id: string, images: readonly number[], side?: number): Promise<Pictures>;
  close(id: string): Promise<void>;
}
