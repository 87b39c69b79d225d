// Which features imago eval compares images by: Inception's where its weights are given, otherwise the embedded ones.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FeatureNetwork } from "../metrics/extractor.ts";
import { FID_PROTOCOLS, type FidProtocol, inceptionNetwork } from "../metrics/inception/network.ts";
import { readInception } from "../metrics/inception/weights.ts";
import { patchNetwork } from "../metrics/patch_network.ts";
import { UsageError } from "./errors.ts";

export const FEATURES = ["embedded", ...FID_PROTOCOLS] as const;
export type FeaturesName = (typeof FEATURES)[number];

const DEFAULT_PROTOCOL: FidProtocol = "pytorch-fid";

/** @throws UsageError for options that do not go together, FileError for weights that cannot be read */
export async function featureNetwork(
  name: FeaturesName | undefined,
  inception: string | undefined,
): Promise<FeatureNetwork> {
  if (inception === undefined) {
    if (name === undefined || name === "embedded") return patchNetwork();
    throw new UsageError(
      `--features ${name} needs Inception's weights; give them with --inception FILE, or use --features embedded`,
    );
  }
  if (name === "embedded") {
    throw new UsageError("--features embedded does not use --inception; leave one of them out");
  }
  const file = await inceptionFile(inception);
  const model = await readInception(file);
  return inceptionNetwork(model, name ?? DEFAULT_PROTOCOL, `sha256:${await digest(file)}`);
}

/** The file on this machine that --inception means. */
async function inceptionFile(source: string): Promise<string> {
  if (source.startsWith("hf:")) {
    throw new UsageError(`--inception ${source}: give a safetensors file on this machine`);
  }
  return source;
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
