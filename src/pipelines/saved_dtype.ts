// The types in which a pipeline's weights are saved.

import { quoted } from "../io/printable.ts";
import type { WeightDtype } from "../io/state_dict.ts";
import { PipelineError } from "./errors.ts";

/** Types of weights, under the names of diffusers' variants. */
export type SavedDtype = "fp32" | "fp16" | "bf16";

const DTYPES: Readonly<Record<SavedDtype, WeightDtype>> = { fp32: "F32", fp16: "F16", bf16: "BF16" };

/** The type in a file. @throws PipelineError for another name */
export function weightDtype(dtype: SavedDtype = "fp32"): WeightDtype {
  if (Object.hasOwn(DTYPES, dtype)) return DTYPES[dtype];
  throw new PipelineError(`dtype is ${quoted(dtype)}, expected one of ${Object.keys(DTYPES).join(", ")}`);
}
