// The LoRAs that imago sample draws with.

import type { WeightedFile } from "../parsers.ts";

/** A pipeline, as far as its LoRAs go. */
export interface LoraPipeline {
  loadLoraWeights(path: string, options: { readonly adapterName: string }): Promise<void>;
  setAdapters(names: readonly string[], weights: readonly number[]): void;
}

/** Loads LoRAs, which then all take part. @throws PipelineError, FileError, in one line, for one that does not fit */
export async function addLoras(pipeline: LoraPipeline, loras: readonly WeightedFile[]): Promise<void> {
  if (loras.length === 0) return;
  // A file that is given twice counts twice.
  const names = loras.map((_, k) => String(k));
  for (const [k, { file }] of loras.entries()) {
    await pipeline.loadLoraWeights(file, { adapterName: names[k] });
  }
  pipeline.setAdapters(
    names,
    loras.map(({ weight }) => weight),
  );
}
