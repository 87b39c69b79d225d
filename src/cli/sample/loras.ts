// The LoRAs that imago sample draws with.

import type { FetchProgress } from "../../io/hub/index.ts";
import { type LoraSourceOptions, loraPath } from "../../pipelines/lora/source.ts";
import { downloadStatus } from "../download_status.ts";
import { checkModelSource } from "../model_source.ts";
import type { Output } from "../output.ts";
import type { WeightedFile } from "../parsers.ts";

/** A pipeline, as far as its LoRAs go. */
export interface LoraPipeline {
  loadLoraWeights(path: string, options: { readonly adapterName: string }): Promise<void>;
  setAdapters(names: readonly string[], weights: readonly number[]): void;
}

/**
 * The LoRAs as files of this machine: those of the Hub are downloaded.
 * @throws UsageError for a mistyped path; HubError, FileError, in one line
 */
export async function loraFiles(
  loras: readonly WeightedFile[],
  options: Pick<LoraSourceOptions, "signal">,
  { warn, status }: Pick<Output, "warn" | "status">,
): Promise<WeightedFile[]> {
  const found: WeightedFile[] = [];
  for (const { file, weight } of loras) {
    if (!file.endsWith(".safetensors")) await checkModelSource(file);
    const onDownload = (progress: FetchProgress) => status(downloadStatus(file, progress));
    found.push({ file: await loraPath(file, { ...options, warn, onDownload }), weight });
  }
  return found;
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
