// The record of a run's initial weights: those given with its model, and those drawn from the seed.

import * as v from "valibot";
import { hashing } from "#platform";
import type { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { RunFolderError, TrainingOptionError } from "../errors.ts";

const names = v.array(v.string());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Which weights of a source were used: a run or a checkpoint has the last ones and usually their average. */
const WEIGHTS_KINDS = ["average", "last", "pipeline"] as const;

const sourceEntries = {
  /** The value of --init; null where a program gave weights without naming a source. */
  source: v.nullable(v.string()),
  /** Whether they are a run's average, its last weights, or a pipeline's. */
  weights: v.exactOptional(v.picklist(WEIGHTS_KINDS)),
  /** Number of steps that they were trained for in their run, if known. */
  step: v.exactOptional(count),
  /** Classes whose vectors were kept, and new ones. */
  classes: v.exactOptional(v.object({ kept: names, drawn: names })),
  /** Tensors of the source that this model does not have. */
  leftOut: v.exactOptional(names),
};

/** The entry in config.json about the given weights. */
export const initSchema = v.object({
  ...sourceEntries,
  /** Number of given tensors. */
  kept: count,
  /** Names of the drawn tensors. */
  drawn: names,
  /** Hash of the given values. */
  fingerprint: v.string(),
});
/** The entry in config.json about a run's initial weights: which were kept, and which drawn. @interface */
export type InitRecord = Readonly<v.InferOutput<typeof initSchema>>;

const sourceSchema = v.object(sourceEntries);
/** The source of the weights that a model was loaded with. @useDeclaredType */
export type InitSource = Readonly<v.InferOutput<typeof sourceSchema>>;

/**
 * The record of a network's given values.
 * @param source of the values, if the program names one
 * @returns undefined for a network without values
 * @throws TrainingOptionError where a source is named but there are no values
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
 * For a run that ended before its first checkpoint: checks that it restarts from the same weights.
 * @param before the record in its config.json
 * @throws RunFolderError when the network has other weights
 */
export function checkSameStart(path: string, before: InitRecord | undefined, network: Module): void {
  if (before === undefined) {
    // The run began from the seed alone, so weights that the model has by now are dropped.
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
