// What the first process tells the others before the first step: only it reads the run's folder.

import * as v from "valibot";
import { saidByFirst, valuesOfFirst } from "../../distributed/collective.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { DistributedError } from "../../distributed/errors.ts";
import { numel } from "../../engine/shape.ts";
import type { StateDict } from "../../io/state_dict.ts";
import type { Module } from "../../nn/module.ts";
import type { TracedStep } from "../step/traced_step.ts";
import { parseState, stateText, type TrainingState } from "./checkpoint.ts";

const beginningSchema = v.object({
  isFinished: v.boolean(),
  /** The backend of the run so far. */
  backend: v.exactOptional(v.string()),
  /** Of the images. */
  fingerprint: v.string(),
});
/** What all processes must know before they compute. */
export type Beginning = v.InferOutput<typeof beginningSchema>;

/**
 * Tells all processes how the run begins.
 * @param begin called on the first process only
 * @param fingerprint of this process's images
 * @throws DistributedError on a process that has other images
 */
export async function shareBeginning(
  communicator: Communicator,
  begin: () => Promise<Beginning>,
  fingerprint: string,
): Promise<Beginning> {
  const text = await saidByFirst(communicator, async () => JSON.stringify(await begin()));
  const beginning = v.parse(beginningSchema, JSON.parse(text));
  if (beginning.fingerprint === fingerprint) return beginning;
  throw new DistributedError(
    `the images here are not those of the first process (${fingerprint}, expected ${beginning.fingerprint}); give every machine the same files`,
  );
}

/**
 * Gives all processes the state that the first one has loaded from a checkpoint.
 * @param state on the first process; undefined for a run that begins
 */
export async function shareState(
  communicator: Communicator,
  traced: TracedStep,
  state: TrainingState | undefined,
): Promise<TrainingState | undefined> {
  if (communicator.size === 1) return state;
  const text = await saidByFirst(communicator, async () => (state === undefined ? "" : stateText(state)));
  if (text === "") return undefined;
  const shared = parseState(text);
  const { network, expAvg, expAvgSq, momentumBuffer, ema } = traced;
  for (const part of [network, expAvg, expAvgSq, momentumBuffer, ema])
    if (part !== null) await shareValues(communicator, part);
  if (communicator.rank > 0) {
    traced.timesteps?.restore(shared.timestepLosses ?? []);
    if (shared.lossScale !== undefined) traced.lossScale?.restore(shared.lossScale);
  }
  return shared;
}

async function shareValues(communicator: Communicator, part: Module): Promise<void> {
  const isFirst = communicator.rank === 0;
  const own = isFirst ? part.stateDict() : undefined;
  const shared: StateDict = new Map();
  for (const [name, { torchShape: shape }] of part.namedParameters()) {
    const data = own?.get(name)?.data ?? new Float32Array(numel(shape));
    await valuesOfFirst(communicator, data);
    shared.set(name, { shape, data });
  }
  if (!isFirst) part.loadStateDict(shared);
}
