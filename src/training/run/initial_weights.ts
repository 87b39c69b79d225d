// What is recorded of the weights that a run begins with: those that its model was given, and the rest from the seed.

import * as v from "valibot";
import { hashing } from "#platform";
import type { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { RunFolderError, TrainingOptionError } from "../errors.ts";

const names = v.array(v.string());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Which weights of a source were taken: a run or a checkpoint has them and mostly their average. */
const WEIGHTS_KINDS = ["average", "last", "pipeline"] as const;

const sourceEntries = {
  /** What was given as --init; null where a program gave weights without saying. */
  source: v.nullable(v.string()),
  weights: v.exactOptional(v.picklist(WEIGHTS_KINDS)),
  /** Steps that they were trained for in their run, where that is known. */
  step: v.exactOptional(count),
  /** Classes whose vectors came with them, and those that are new. */
  classes: v.exactOptional(v.object({ kept: names, drawn: names })),
  /** Tensors of the source that this model has no place for. */
  leftOut: v.exactOptional(names),
};

/** What config.json says of the weights that a run was given. */
export const initSchema = v.object({
  ...sourceEntries,
  /** Tensors that were given. */
  kept: count,
  /** Those that were drawn from the seed. */
  drawn: names,
  /** Of what was given, whatever else was drawn. */
  fingerprint: v.string(),
});
/** What config.json says of the weights that a run began with: which were kept, and which drawn. */
export type InitRecord = Readonly<v.InferOutput<typeof initSchema>>;

const sourceSchema = v.object(sourceEntries);
/** Where weights that a model was loaded with come from. */
export type InitSource = Readonly<v.InferOutput<typeof sourceSchema>>;

/**
 * What is to be recorded of the values that a network has been given.
 * @param source where they come from, as far as the program says so
 * @returns undefined for a network that has none
 * @throws TrainingOptionError where a source is named and there are none
 */
export function initRecord(network: Module, source: InitSource | undefined): InitRecord | undefined {
  const parameters = [...network.namedParameters().values()];
  const given = parameters.filter(({ hasValue }) => hasValue);
  if (given.length > 0) {
    return {
      ...(source ?? { source: null }),
      kept: given.length,
      drawn: parameters.filter(({ hasValue }) => !hasValue).map(({ name }) => name),
      fingerprint: fingerprintOf(given),
    };
  }
  if (source === undefined) return undefined;
  throw new TrainingOptionError(
    `the weights were said to come from ${source.source ?? "somewhere"}, but the model has none; load them first`,
  );
}

/**
 * Of a run that was ended before its first checkpoint: makes sure that it begins with what it began with.
 * @param before what its config.json says
 * @throws RunFolderError when the network was given other weights
 */
export function checkSameStart(path: string, before: InitRecord | undefined, network: Module): void {
  if (before === undefined) {
    // It began from the seed alone, whatever the model was given since.
    network.release();
    return;
  }
  if (initRecord(network, undefined)?.fingerprint === before.fingerprint) return;
  throw new RunFolderError(
    `${path} has no checkpoint yet, and the weights that it began with (${before.source ?? "given by a program"}) are not those it is given now; begin a new run with another --out`,
  );
}

function fingerprintOf(parameters: readonly Parameter[]): string {
  const hash = hashing.hasher("sha256");
  for (const parameter of parameters) {
    const { data, shape } = parameter.save();
    hash.update(`${parameter.name} ${shape.join()}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return `sha256:${hash.digest()}`;
}
