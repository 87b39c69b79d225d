// What arm64_checks.ts prints of each test.

import * as v from "valibot";

export const checkLine = v.object({
  name: v.string(),
  /** "pass" is the good one. */
  state: v.string(),
  errors: v.array(v.string()),
});

export type CheckLine = v.InferOutput<typeof checkLine>;
