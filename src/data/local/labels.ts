// Converts the labels of all images to numbered classes.
import { compareCodePoints } from "../../io/code_points.ts";
import type { ClassLabels } from "../image_source.ts";

/** Labels are incomplete: the number of images without one, and the first of them. */
export interface MissingLabels {
  readonly missing: number;
  readonly first: number;
}

/** Builds classes: names that are numbers are sorted by number, others by code point. */
export function classLabels(values: readonly (string | undefined)[]): ClassLabels | MissingLabels {
  const missing = missingIn(values.map((value) => value === undefined));
  if (missing !== undefined) return missing;
  const distinct = [...new Set(values.filter((value) => value !== undefined))];
  const areNumbers = distinct.every((value) => /^-?\d{1,15}$/.test(value));
  const names = distinct.sort(areNumbers ? (a, b) => Number(a) - Number(b) : compareCodePoints);
  const numbers = new Map(names.map((name, i) => [name, i]));
  return { names, of: Int32Array.from(values, (value) => numbers.get(value ?? "") ?? 0) };
}

/** Builds classes that the source itself numbers; their order is kept. */
export function numberedLabels(
  values: readonly (number | undefined)[],
  names: readonly string[],
): ClassLabels | MissingLabels {
  const isClass = (value: number | undefined) => value !== undefined && names[value] !== undefined;
  const missing = missingIn(values.map((value) => !isClass(value)));
  return missing ?? { names, of: Int32Array.from(values, (value) => value ?? 0) };
}

function missingIn(isMissing: readonly boolean[]): MissingLabels | undefined {
  const first = isMissing.indexOf(true);
  return first < 0 ? undefined : { missing: isMissing.filter(Boolean).length, first };
}

/** The labels of the given images, in that order. */
export function labelsOfSome({ names, of }: ClassLabels, indices: Uint32Array): ClassLabels {
  return { names, of: Int32Array.from(indices, (index) => of[index] ?? 0) };
}
