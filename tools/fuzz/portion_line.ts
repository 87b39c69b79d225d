// What a portion of the fuzzer prints.

import * as v from "valibot";

/** A seed that begins, a fault of it, or, at the end, how often each kind of op occurred. */
export const portionLine = v.union([
  v.object({ kinds: v.record(v.string(), v.number()) }),
  v.object({ seed: v.number(), fault: v.optional(v.string()) }),
]);

export type PortionLine = v.InferOutput<typeof portionLine>;
