// In how many bits values are stored and multiplied.

import { type Tensor, withHalves } from "./tensor.ts";

/** Names of precisions. fp16: 16-bit operands and results of products; sums, parameters and their gradients in 32. */
export const PRECISIONS = ["fp32", "fp16"] as const;
/** The name of a precision. @useDeclaredType */
export type Precision = (typeof PRECISIONS)[number];
export const DEFAULT_PRECISION: Precision = "fp32";

/** The same values in a precision; give all values of a program at once. */
export const inPrecision = (values: readonly Tensor[], precision: Precision): readonly Tensor[] =>
  precision === "fp16" ? withHalves(values, "f16") : values;
