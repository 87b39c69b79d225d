// The files of a run that the page may read: its pictures, its records, and what draws from it.

import type { Served } from "./folder_file.ts";

export const RUN_FILES: Served = [
  [/^(samples|loss)\.png$/, "image/png"],
  [/^samples\/\d{6,}\.png$/, "image/png"],
  [/^metrics\.jsonl$/, "application/x-ndjson"],
  [/^pipeline\/([\w-]+\/)?[\w.-]+\.json$/, "application/json"],
  [/^pipeline\/([\w-]+\/)?[\w.-]+\.safetensors$/, "application/octet-stream"],
  [/^checkpoints\/step-\d{6,}\/unet(_ema)?\/[\w.-]+\.json$/, "application/json"],
  [/^checkpoints\/step-\d{6,}\/unet(_ema)?\/[\w.-]+\.safetensors$/, "application/octet-stream"],
];
