// imago bench: measures how fast this machine trains, samples and computes single operations, and the memory used.

import { type BackendChoice, createBackend, DEFAULT_BACKEND } from "../../engine/backends/create.ts";
import type { PresetName } from "../../training/presets.ts";
import { checking } from "../errors.ts";
import { createOutput } from "../output.ts";
import { benchModel } from "./model.ts";
import { benchOps } from "./ops.ts";

export const BENCHES = ["train", "sample", "ops"] as const;
export type BenchName = (typeof BENCHES)[number];

export interface BenchFlags {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly repeat: number;
  readonly top: number;
  readonly threads?: number;
  readonly backend?: BackendChoice;
  readonly json?: boolean;
}

export async function bench(what: BenchName, flags: BenchFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const { threads, backend: name = DEFAULT_BACKEND } = flags;
  const backend = await checking(() =>
    createBackend({ backend: name, ...(threads !== undefined && { threads }) }),
  );
  try {
    if (what === "ops") await benchOps(backend, flags, output);
    else await benchModel(what, backend, flags, output);
  } finally {
    await backend.close();
  }
}
