// Copies the weights of one model into another that may differ from it in its classes.

import { TorchGenerator } from "../../engine/random/torch_generator.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import type { UNet2DModel } from "../../models/unet_2d_model.ts";
import { normal } from "../../nn/init.ts";
import type { ModelClasses } from "../../pipelines/class_labels.ts";
import type { InitModel } from "./init_source.ts";
import type { InitSource } from "./initial_weights.ts";

/** The class embedding table: one row per class, added to the time embedding. */
const TABLE = "class_embedding.weight";
/** Added to the time embedding at every timestep. */
const TIME_BIAS = "time_embedding.linear_2.bias";

/**
 * Loads a model that has no values yet with those of another one of the same architecture. Tensors that only the source
 * has are left out; parameters that only the model has stay without a value. In a class embedding table, rows of
 * classes with the same name are kept, and the others are drawn from the seed like torch's; a model without classes
 * draws like the source does without a class.
 * @param names of this model's classes, if it has any
 * @returns the record for config.json
 */
export function giveWeights(
  model: UNet2DModel,
  { unet, classes, from }: InitModel,
  names: readonly string[] | undefined,
  seed: number,
): InitSource {
  const state = unet.stateDict();
  const theirs = state.get(TABLE);
  const own = model.namedParameters();
  const leftOut = [...state.keys()].filter((key) => !own.has(key));
  let learnt: InitSource["classes"];
  if (own.has(TABLE) && names !== undefined) {
    const { numClassEmbeds } = model.config;
    learnt = keepRows(state, classes, names, numClassEmbeds ?? names.length, seed);
  } else if (theirs !== undefined) {
    addToBias(state, withoutClass(theirs, classes));
  }
  model.loadStateDict(state, { strict: false });
  return {
    ...from,
    ...(learnt && { classes: learnt }),
    ...(leftOut.length > 0 && { leftOut }),
  };
}

/** Copies the rows of known classes into a new table; removes the table where there are none. */
function keepRows(
  state: StateDict,
  classes: ModelClasses | null,
  names: readonly string[],
  rows: number,
  seed: number,
): NonNullable<InitSource["classes"]> {
  const theirs = state.get(TABLE);
  state.delete(TABLE);
  if (theirs === undefined || classes === null) return { kept: [], drawn: [...names] };
  const rowOf = (name: string): number | undefined =>
    classes.id2label === undefined && /^\d+$/.test(name) ? numbered(name, theirs) : classes.labels.get(name);
  const [, width] = theirs.shape;
  const data = normal()(new TorchGenerator(seed), rows * width);
  const takeRow = (to: number, row: number) =>
    data.set(theirs.data.subarray(row * width, (row + 1) * width), to * width);
  const found = names.map(rowOf);
  for (const [i, row] of found.entries()) if (row !== undefined) takeRow(i, row);
  // The row of the null class follows those of the classes.
  if (rows > names.length && classes.nullClass !== null) takeRow(names.length, classes.nullClass);
  const kept = names.filter((_, i) => found[i] !== undefined);
  const drawn = names.filter((_, i) => found[i] === undefined);
  if (kept.length > 0 || classes.nullClass !== null) state.set(TABLE, { data, shape: [rows, width] });
  return { kept, drawn };
}

/** The row of a class that has a number as its name. */
function numbered(name: string, { shape: [rows] }: HostWeight): number | undefined {
  return Number(name) < rows ? Number(name) : undefined;
}

/** What a model adds without a class; for a model that was always given one, the mean over its classes. */
function withoutClass(
  { data, shape: [rows, width] }: HostWeight,
  classes: ModelClasses | null,
): Float32Array {
  const none = classes?.nullClass ?? null;
  if (none !== null) return data.slice(none * width, (none + 1) * width);
  const mean = new Float32Array(width);
  for (const [i, value] of data.entries()) mean[i % width] += value / rows;
  return mean;
}

function addToBias(state: StateDict, vector: Float32Array): void {
  const bias = state.get(TIME_BIAS);
  if (bias === undefined) return;
  state.set(TIME_BIAS, { ...bias, data: bias.data.map((value, i) => value + vector[i]) });
}
