// All values of a model, also where they have moved to a backend.

import type { StateDict } from "../../src/io/state_dict.ts";
import type { Module } from "../../src/nn/module.ts";

export const weightsOf = (model: Module): Promise<StateDict> =>
  model.withValues(async () => model.stateDict());
