// What the page of peers sends back: the median time of each library at each operation, and whether the results agree.

import * as v from "valibot";

const timeSchema = v.object({
  /** Of one call, the median over the rounds. */
  seconds: v.pipe(v.number(), v.finite()),
  gflops: v.pipe(v.number(), v.finite()),
  /** Largest relative difference from the nearest other library; null where no other has a result. */
  difference: v.nullable(v.pipe(v.number(), v.finite())),
  /** Whether no other library has this result. */
  wrong: v.boolean(),
});
/** Why a library has no time. */
const refusalSchema = v.object({ reason: v.string() });

export const resultsSchema = v.object({
  browser: v.string(),
  device: v.string(),
  /** Whether the processor plays the GPU: times mean nothing then. */
  software: v.boolean(),
  libraries: v.array(v.object({ name: v.string(), version: v.string(), layout: v.string() })),
  rows: v.array(
    v.object({
      operation: v.string(),
      /** Calls that follow one another before each wait. */
      calls: v.number(),
      rounds: v.number(),
      /** Largest relative difference between two libraries; null where fewer than two have a result. */
      difference: v.nullable(v.pipe(v.number(), v.finite())),
      /** One for each library. */
      cells: v.array(v.union([timeSchema, refusalSchema])),
    }),
  ),
});

export type Results = v.InferOutput<typeof resultsSchema>;
export type Row = Results["rows"][number];
export type Cell = Row["cells"][number];
